import { lambdaDollars } from './bill.ts';
import { withDatabase } from './cluster.ts';
import { type Context, createNumbers } from './context.ts';
import { postgresCpu } from './postgres-cpu.ts';
import { prices } from './prices.ts';
import { rotate, type Spread, spread } from './statistics.ts';
import { createStore } from './store.ts';
import { number, type PartResult, withSpread } from './table.ts';
import { type BatchPlan, newValues } from './workload.ts';

const held = 50_000;
const size = 1_000;
const batches = 4;
const shares = [0.05, 0.5, 1];
const memorySizes = [512, 1_024, 1_769];

export interface CoresCell {
  handlers: number;
  newShare: number;
  /** Messages a second of all handlers together. */
  throughput: Spread;
  /** Microseconds of computing for a message; of Postgres null where the system does not tell. */
  handler: Spread;
  postgres: Spread | null;
  /** Microseconds from event to answer for a message, in one handler. */
  wall: Spread;
}

/** What handlers at the same time store, and what a message costs in computing on each side. */
export async function cores(context: Context): Promise<PartResult> {
  const cells: CoresCell[] = [];
  for (const handlers of context.quick ? [1, 2] : [1, 2, 4, 8]) {
    cells.push(...(await measure(context, handlers)));
    context.say(`cores: ${handlers} handlers`);
  }
  const alone = cells.filter(({ handlers }) => handlers === 1);
  return {
    tables: [
      {
        title: `Handlers at the same time, batches of ${number(size)}; computing in µs for a message`,
        columns: ['new', 'handlers', 'messages a second', 'handler', 'Postgres'],
        rows: cells.map((cell) => [
          `${cell.newShare * 100} %`,
          cell.handlers,
          withSpread(cell.throughput),
          withSpread(cell.handler, 1),
          cell.postgres === null ? '–' : withSpread(cell.postgres, 1),
        ]),
      },
      {
        title: `Lambda for a million messages in batches of ${number(size)}, US dollars (${prices.region}, ${prices.asOf})`,
        columns: ['new', ...memorySizes.map((memory) => `${number(memory)} MB`)],
        rows: alone.map(({ newShare, ...cost }) => [`${newShare * 100} %`].concat(dollars(cost))),
      },
    ],
    figures: [],
    data: cells,
  };
}

function dollars({ wall, handler }: Pick<CoresCell, 'wall' | 'handler'>): string[] {
  return memorySizes.map((memory) =>
    number(lambdaDollars(1_000_000, size, batchMs(wall), batchMs(handler), memory), 4),
  );
}

const batchMs = ({ median }: Spread): number => (median * size) / 1_000;

async function measure({ cluster, workers, quick }: Context, handlers: number) {
  const rounds = quick ? 3 : 7;
  const numbers = createNumbers(held);
  const place = await cluster.create(held);
  await workers.open(Array.from({ length: handlers }, () => place));
  const cells = await withDatabase(place, async (database) => {
    const store = await createStore(workers, database);
    const measured = shares.map(() => ({
      throughput: [] as number[],
      handler: [] as number[],
      postgres: [] as number[],
      wall: [] as number[],
    }));
    for (let round = -2; round < rounds; round += 1) {
      for (const n of rotate([...shares.keys()], round + 2)) {
        const newShare = shares[n]!;
        const plans = Array.from({ length: handlers }, () =>
          Array.from({ length: batches }, (): BatchPlan => {
            return { size, newShare, firstNew: numbers(newValues({ size, newShare })), held };
          }),
        );
        const before = await postgresCpu(database);
        const { perSecond, handlerMs } = await store.measure('ingest', plans);
        const after = await postgresCpu(database);
        if (round < 0) continue;
        const messages = handlers * batches * size;
        measured[n]!.throughput.push(perSecond);
        measured[n]!.handler.push((handlerMs / messages) * 1_000);
        measured[n]!.wall.push((handlers / perSecond) * 1_000_000);
        if (before !== null && after !== null) {
          measured[n]!.postgres.push(((after - before) / messages) * 1_000);
        }
      }
    }
    return measured.map(({ throughput, handler, postgres, wall }, n): CoresCell => ({
      handlers,
      newShare: shares[n]!,
      throughput: spread(throughput),
      handler: spread(handler),
      postgres: postgres.length === 0 ? null : spread(postgres),
      wall: spread(wall),
    }));
  });
  await workers.close();
  await cluster.drop(place);
  return cells;
}
