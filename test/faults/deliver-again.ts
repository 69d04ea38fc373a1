import type { MetricName } from '../../lib/metrics.ts';
import type { Sent } from './messages.ts';
import type { Now } from './now.ts';
import type { Queue } from './queue.ts';
import type { Slots } from './slots.ts';
import type { Tally } from './tally.ts';

interface Deps {
  now: Readonly<Now>;
  queue: Queue;
  slots: Slots;
  tally: Tally;
}

const batchSize = 1_000;

/** Delivers all of these again, without faults; returns what ingest counted. */
export async function deliverAgain(
  messages: readonly Sent[],
  { now, queue, slots, tally }: Deps,
): Promise<Partial<Record<MetricName, number>>> {
  const before = new Map(tally.counts);
  const { container, begin } = await slots.open(false);
  for (let start = 0; start < messages.length; start += batchSize) {
    const records = queue.recordsOf(messages.slice(start, start + batchSize));
    begin(null);
    const { batchItemFailures } = await container.handle(records, now.clock);
    if (batchItemFailures.length > 0) tally.found('a message delivered again failed');
  }
  await container.end();
  return Object.fromEntries(
    (['received', 'stored', 'duplicates', 'sealed'] as const).map((name) => [
      name,
      (tally.counts.get(name) ?? 0) - (before.get(name) ?? 0),
    ]),
  );
}
