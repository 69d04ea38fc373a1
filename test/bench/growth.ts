import { type Cluster, withDatabase } from './cluster.ts';
import { connect, type Place } from './connect.ts';
import { type Context, createNumbers } from './context.ts';
import { fill } from './fill.ts';
import { ratios, rotate, type Spread, spread } from './statistics.ts';
import { createStore, type Store } from './store.ts';
import { type Figure, number, type PartResult, withSpread } from './table.ts';
import { type BatchPlan, newValues, valuesPerMessage } from './workload.ts';

const held = 5_000;
const smallest = valuesPerMessage * held;
const plan = { size: 1_000, newShare: 0.5, held };
const batches = 5;

export interface GrowthPoint {
  values: number;
  throughput: Spread;
  /** To the smallest vault, in the same round. */
  ratio: Spread;
}

/** Throughput into vaults of different sizes, in turns. */
export async function growth(context: Context): Promise<PartResult> {
  const { cluster, workers, quick, say } = context;
  const sizes = quick ? [smallest, 1_000_000] : [smallest, 100_000, 1_000_000, 10_000_000];
  const rounds = quick ? 5 : 15;
  const places: Place[] = [];
  for (const values of sizes) {
    say(`growth: filling a vault with ${number(values)} values`);
    places.push(await filled(cluster, values));
  }
  await workers.open(places);
  const measured = sizes.map(() => [] as number[]);
  const numbers = createNumbers(held);

  const databases = places.map(connect);
  const stores: Store[] = [];
  for (const database of databases) stores.push(await createStore(workers, database));
  for (let round = -1; round < rounds; round += 1) {
    for (const n of rotate([...sizes.keys()], round)) {
      const plans = Array.from({ length: batches }, (): BatchPlan => {
        return { ...plan, firstNew: numbers(newValues(plan)) };
      });
      const each = places.map(() => plans);
      const messagesPerSecond = await stores[n]!.throughput('ingest', each, n);
      if (round >= 0) measured[n]!.push(messagesPerSecond);
    }
  }
  await workers.close();
  for (const database of databases) await database.drop();
  for (const place of places) await cluster.drop(place);

  const points = sizes.map((values, n): GrowthPoint => {
    const all = measured[n]!;
    return { values, throughput: spread(all), ratio: spread(ratios(all, measured[0]!)) };
  });
  return {
    tables: [
      {
        title: 'Ingest as the vault grows: batches of 1 000, half of the values new',
        columns: ['values in the vault', 'messages a second', `÷ ${number(smallest)} values`],
        rows: points.map((point) => [
          number(point.values),
          withSpread(point.throughput),
          withSpread(point.ratio, 2),
        ]),
      },
    ],
    figures: [figure(points.at(-1)!)],
    data: points,
  };
}

function figure({ values, ratio }: GrowthPoint): Figure {
  return {
    what: `throughput with ${number(values)} values, against ${number(smallest)}`,
    must: '≥ 0.8 (10 000 000 in the full run)',
    measured: withSpread(ratio, 2),
    holds: ratio.median >= 0.8,
  };
}

async function filled(cluster: Cluster, values: number): Promise<Place> {
  const place = await cluster.create(held);
  await withDatabase(place, (database) => fill(database, values));
  return place;
}
