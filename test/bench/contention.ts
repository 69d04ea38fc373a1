import { withDatabase } from './cluster.ts';
import { type Context, createNumbers } from './context.ts';
import { ratios, rotate, type Spread, spread } from './statistics.ts';
import { createStore } from './store.ts';
import { type Figure, type PartResult, withSpread } from './table.ts';
import { type BatchPlan, newValues } from './workload.ts';

const held = 50_000;
const size = 1_000;
const batches = 5;
const modes = ['apart', 'same'] as const;

interface Cell {
  handlers: number;
  apart: Spread;
  same: Spread;
  ratio: Spread;
  deadlocks: number;
}

/**
 * Handlers that bring the same new values at the same time, beside handlers that bring as many
 * new values to the vault, each its own.
 */
export async function contention(context: Context): Promise<PartResult> {
  const cells: Cell[] = [];
  for (const handlers of [2, 4]) cells.push(await measure(context, handlers));
  const deadlocks = cells.reduce((sum, cell) => sum + cell.deadlocks, 0);
  const worst = cells.reduce((a, b) => (b.ratio.median < a.ratio.median ? b : a));
  const figures: Figure[] = [
    {
      what: 'handlers on overlapping tokens: deadlocks',
      must: '0',
      measured: String(deadlocks),
      holds: deadlocks === 0,
    },
    {
      what: 'handlers on overlapping tokens: throughput lost to contention',
      must: '< 20 %',
      measured: `${Math.round((1 - worst.ratio.median) * 100)} % with ${worst.handlers} handlers`,
      holds: worst.ratio.median > 0.8,
    },
  ];
  return {
    tables: [
      {
        title: 'Handlers with values of their own and with the same values, messages a second',
        columns: ['handlers', 'apart', 'same', 'same ÷ apart', 'deadlocks'],
        rows: cells.map((cell) => [
          cell.handlers,
          withSpread(cell.apart),
          withSpread(cell.same),
          withSpread(cell.ratio, 2),
          cell.deadlocks,
        ]),
      },
    ],
    figures,
    data: cells,
  };
}

async function measure({ cluster, workers, quick }: Context, handlers: number): Promise<Cell> {
  const rounds = quick ? 3 : 11;
  const numbers = createNumbers(held);
  const measured = { apart: [] as number[], same: [] as number[] };
  // half of the values are new to the vault in both: here each brings its part, there all bring all
  const newShare = { apart: 0.5 / handlers, same: 0.5 };
  const place = await cluster.create(held);
  await workers.open(Array.from({ length: handlers }, () => place));
  const deadlocks = await withDatabase(place, async (database) => {
    const store = await createStore(workers, database);
    for (let round = -1; round < rounds; round += 1) {
      for (const mode of rotate(modes, round)) {
        const next = () => numbers(newValues({ size, newShare: newShare[mode] }));
        const shared = Array.from({ length: batches }, next);
        const plans = Array.from({ length: handlers }, () =>
          shared.map((firstNew): BatchPlan => {
            const first = mode === 'same' ? firstNew : next();
            return { size, newShare: newShare[mode], firstNew: first, held };
          }),
        );
        const messagesPerSecond = await store.throughput('ingest', plans);
        if (round >= 0) measured[mode].push(messagesPerSecond);
      }
    }
    // a connection reports what it saw when it ends
    await workers.close();
    const { rows } = await database.admin.query<{ deadlocks: number }>(
      'select deadlocks::integer from pg_stat_database where datname = current_database()',
    );
    return rows[0]!.deadlocks;
  });
  await cluster.drop(place);
  return {
    handlers,
    apart: spread(measured.apart),
    same: spread(measured.same),
    ratio: spread(ratios(measured.same, measured.apart)),
    deadlocks,
  };
}
