import { withDatabase } from './cluster.ts';
import { type Context, createNumbers } from './context.ts';
import { floorWays } from './floor-ways.ts';
import { addCosts, type Costs, costsColumns, costsRow, noCosts } from './profile.ts';
import { ratios, rotate, type Spread, spread } from './statistics.ts';
import { createStore } from './store.ts';
import { number, type PartResult, withSpread } from './table.ts';
import type { WayName } from './ways.ts';
import { type BatchPlan, newValues, valuesPerMessage } from './workload.ts';

const held = 50_000;
const warmUpRounds = 3;
type FloorName = keyof typeof floorWays;
const allNames = Object.keys(floorWays) as FloorName[];
// the others were never the fastest in batches of 1 000
const quickNames: readonly FloorName[] = ['unnestText', 'unnestBinary', 'unnestHeld'];

interface Case {
  size: number;
  newShare: number;
}

export interface FloorCell extends Case {
  /** Messages a second. */
  throughput: Record<string, Spread>;
  best: string;
  /** Of ingest to the best way, in the same round. */
  ratio: Spread;
  /** Of ingest and of the best way, in all rounds. */
  costs: { ingest: Costs; floor: Costs };
}

/** Ingest beside a bare client that writes the same finished rows. */
export async function floor(context: Context): Promise<PartResult> {
  const floorNames = context.quick ? quickNames : allNames;
  const cells: FloorCell[] = [];
  for (const each of cases(context.quick)) {
    const cell = await measure(context, each);
    cells.push(cell);
    context.say(
      `floor: ${describe(each)}: ingest ${withSpread(cell.ratio, 2)} of ${cell.best}, ${number(cell.throughput['ingest']!.median)} messages/s`,
    );
  }
  const standing = cells.filter(isStanding);
  return {
    tables: [
      {
        title: `Ingest and the floor, messages a second (median, IQR); vault of ${number(valuesPerMessage * held)} values`,
        columns: ['batch', 'new', 'ingest', ...floorNames, 'ingest ÷ floor'],
        rows: cells.map((cell) => [
          number(cell.size),
          `${cell.newShare * 100} %`,
          withSpread(cell.throughput['ingest']!),
          ...floorNames.map((name) => number(cell.throughput[name]!.median)),
          withSpread(cell.ratio, 2),
        ]),
      },
    ],
    figures: standing.map(({ newShare, ratio, best, costs }) => ({
      what: `ingest, one connection, batches of 1 000, ${newShare * 100} % of the values new`,
      must: '≥ 0.75 of the floor',
      measured: `${withSpread(ratio, 2)} of ${best}`,
      holds: ratio.median >= 0.75,
      profile: {
        title: 'Microseconds for a message: what each side computes, and what passes',
        columns: ['', ...costsColumns],
        rows: [
          ['ingest', ...costsRow(costs.ingest)],
          [`floor (${best})`, ...costsRow(costs.floor)],
        ],
      },
    })),
    data: cells,
  };
}

function cases(quick: boolean): Case[] {
  const all = [10, 100, 1_000, 10_000].flatMap((size) =>
    [0.05, 0.5, 1].map((newShare) => ({ size, newShare })),
  );
  return quick ? all.filter(isStanding) : all;
}

function isStanding({ size }: Case): boolean {
  return size === 1_000;
}

function describe({ size, newShare }: Case): string {
  return `batches of ${size}, ${newShare * 100} % new`;
}

async function measure(context: Context, each: Case): Promise<FloorCell> {
  const { cluster, workers, quick } = context;
  const floorNames = quick ? quickNames : allNames;
  const rounds = quick ? 7 : isStanding(each) ? 15 : 5;
  const batches = { 10: 50, 100: 20, 1_000: 5, 10_000: 1 }[each.size]!;
  const names: WayName[] = ['ingest', ...floorNames];
  const measured = new Map(names.map((name) => [name, [] as number[]]));
  const costs = new Map(names.map((name) => [name, noCosts()]));
  const numbers = createNumbers(held);
  const place = await cluster.create(held);
  await workers.open([place]);

  await withDatabase(place, async (database) => {
    const store = await createStore(workers, database);
    for (let round = -warmUpRounds; round < rounds; round += 1) {
      for (const name of rotate(names, round + warmUpRounds)) {
        const plans = Array.from({ length: batches }, (): BatchPlan => {
          return { ...each, firstNew: numbers(newValues(each)), held };
        });
        const spent = round >= 0 ? costs.get(name)! : noCosts();
        const messagesPerSecond = await addCosts(spent, database, () =>
          store.measure(name, [plans]),
        );
        if (round >= 0) measured.get(name)!.push(messagesPerSecond);
      }
    }
  });
  await workers.close();
  await cluster.drop(place);

  const throughput = Object.fromEntries([...measured].map(([name, all]) => [name, spread(all)]));
  const best = floorNames.reduce((a, b) => (throughput[b]!.median > throughput[a]!.median ? b : a));
  const ratio = spread(ratios(measured.get('ingest')!, measured.get(best)!));
  const spent = { ingest: costs.get('ingest')!, floor: costs.get(best)! };
  return { ...each, throughput, best, ratio, costs: spent };
}
