import { withDatabase } from './cluster.ts';
import { type Context, createNumbers } from './context.ts';
import { ratios, rotate, type Spread, spread } from './statistics.ts';
import { createStore } from './store.ts';
import { number, type PartResult, withSpread } from './table.ts';
import type { WayName } from './ways.ts';
import { type BatchPlan, newValues } from './workload.ts';

const held = 50_000;
const newShare = 0.5;

export type ScriptData = Record<'ingest' | 'script' | 'ratio', Spread>;

/** Ingest beside the loop that people write: for each message two hashes, an INSERT and a commit. */
export async function script({ cluster, workers, quick }: Context): Promise<PartResult> {
  const rounds = quick ? 3 : 9;
  const numbers = createNumbers(held);
  const measured = { ingest: [] as number[], script: [] as number[] };
  const plan = (size: number): BatchPlan => ({
    size,
    newShare,
    firstNew: numbers(newValues({ size, newShare })),
    held,
  });
  const place = await cluster.create(held);
  await workers.open([place]);
  await withDatabase(place, async (database) => {
    const store = await createStore(workers, database);
    for (let round = -1; round < rounds; round += 1) {
      for (const way of rotate(['ingest', 'script'] as const satisfies WayName[], round)) {
        const plans = way === 'script' ? [plan(300)] : Array.from({ length: 5 }, () => plan(1_000));
        const messagesPerSecond = await store.throughput(way, [plans]);
        if (round >= 0) measured[way].push(messagesPerSecond);
      }
    }
  });
  await workers.close();
  await cluster.drop(place);

  const ratio = spread(ratios(measured.ingest, measured.script));
  return {
    tables: [
      {
        title:
          'Ingest in batches of 1 000, half of the values new, and a script, messages a second',
        columns: ['', 'median (IQR)'],
        rows: [
          ['ingest', withSpread(spread(measured.ingest))],
          ['script: SHA-256, INSERT, commit', withSpread(spread(measured.script))],
          ['ingest ÷ script', withSpread(ratio, 1)],
        ],
      },
    ],
    figures: [
      {
        what: 'ingest against a one-row-at-a-time script',
        must: '≥ 10×',
        measured: `${number(ratio.median, 1)}×`,
        holds: ratio.median >= 10,
      },
    ],
    data: {
      ingest: spread(measured.ingest),
      script: spread(measured.script),
      ratio,
    } satisfies ScriptData,
  };
}
