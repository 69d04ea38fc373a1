import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';

import type { Prng } from '../../scripts/local/prng.ts';
import { connectionFaults } from '../helpers/faulty-proxy.ts';
import type { HandlerFault } from './handler-faults.ts';
import type { LateCalls } from './late-calls.ts';
import type { Now } from './now.ts';
import type { Delivery, Queue } from './queue.ts';
import type { Slot, Slots } from './slots.ts';
import type { Tally } from './tally.ts';

/** The event source mapping: hands what is in the queue to handlers, deletes what they answer. */
export interface SourceMapping {
  /** Gives each handler a batch; each returns once its call has ended or is late. */
  poll: () => Promise<void>[];
  end: () => Promise<void>;
}

interface Deps {
  prng: Prng;
  now: Readonly<Now>;
  queue: Queue;
  slots: Slots;
  lateCalls: LateCalls;
  tally: Tally;
  pickFault: () => HandlerFault | null;
  /** Sizes of batches, each as likely as the others. */
  batches: readonly number[];
}

const handlersAtOnce = 4;

export async function startSourceMapping(deps: Deps): Promise<SourceMapping> {
  const { prng, queue, slots, batches } = deps;
  // one of the handlers is a process of its own
  const open = (index: number) => slots.open(index === 0);
  const handlers = await Promise.all(
    Array.from({ length: handlersAtOnce }, (_, index) => open(index)),
  );
  return {
    poll: () =>
      handlers.map(async (slot, index) => {
        const records = queue.receive(Math.min(prng.pick(batches), queue.alive()));
        if (records.length === 0) return;
        if ((await deliver(slot, records, deps)) === 'gone') handlers[index] = await open(index);
      }),
    end: async () => {
      await Promise.all(handlers.map(({ container }) => container.end()));
    },
  };
}

/** Hands a batch to a handler, which is gone when it dies or is late: another takes its place. */
async function deliver(
  { container, begin }: Slot,
  records: SQSRecord[],
  deps: Deps,
): Promise<'ready' | 'gone'> {
  const { prng, now, queue, lateCalls, tally } = deps;
  const fault = deps.pickFault();
  const call = begin(fault);
  const breaks = connectionFaults.find((name) => name === fault);
  if (breaks !== undefined) {
    // once is mended by the second attempt, more often is not
    const times = breaks === 'silence' ? 1 : 1 + prng.below(3);
    container.proxy.arm(breaks, times, () => tally.met(breaks));
  }
  const delivery: Delivery = {
    round: now.round,
    container: container.name,
    fault: fault ?? 'no fault',
    outcome: 'never ended',
  };
  queue.trace(records, delivery);
  if (fault === 'silence') call.beLate();

  const finish = async () => {
    const answer = container.handle(records, now.clock).then(
      (response) => response,
      () => 'threw' as const,
    );
    const outcome = await Promise.race([answer, call.death]);
    call.isOver = true;
    container.proxy.disarm();
    delivery.outcome = typeof outcome === 'string' ? outcome : settle(records, outcome, deps);
  };
  const finished = finish();
  const ended = await Promise.race([finished, call.lateness]);
  if (ended === 'late') {
    lateCalls.add(finished.then(container.end));
    return 'gone';
  }
  return call.isDead ? 'gone' : 'ready';
}

/** Deletes what the answer does not call failed; returns what came of the call. */
function settle(
  records: readonly SQSRecord[],
  { batchItemFailures }: SQSBatchResponse,
  { queue, tally }: Deps,
): string {
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  for (const record of records) {
    if (!failed.has(record.messageId)) queue.acknowledge(record);
  }
  const known = new Set(records.map(({ messageId }) => messageId));
  if ([...failed].some((id) => !known.has(id))) {
    tally.found('ingest reported a message as failed that was not in its batch');
  }
  return failed.size === 0 ? 'answered' : `answered, ${failed.size} of them failed`;
}
