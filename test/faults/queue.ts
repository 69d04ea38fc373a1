import type { SQSRecord } from 'aws-lambda';

import { sourceAttributes, sourceOf } from '../../lib/ingest/source-message.ts';
import type { OutgoingMessage } from '../../lib/sqs.ts';
import type { Prng } from '../../scripts/local/prng.ts';
import { sqsRecord } from '../helpers/builders.ts';
import type { Sent } from './messages.ts';

/** One call of a handler, and what came of it: what a finding tells about its messages. */
export interface Delivery {
  round: number;
  container: string;
  fault: string;
  outcome: string;
}

/** A message in the queue; the same one again after a redrive is another of these. */
interface Queued {
  record: SQSRecord;
  sent: Sent;
  receives: number;
  /** Counts the receipts: only the newest one's visibility timeout brings it back. */
  receipt: number;
  where: 'queue' | 'deleted' | 'dead letters';
}

/** A dead letter, with its reason when ingest sent it, and null when the queue moved it. */
export interface DeadLetter {
  body: string;
  reason: string | null;
  /** The message it was at first. */
  sourceMessageId: string;
  record: SQSRecord;
  sent: Sent | null;
}

/** SQS as far as at-least-once goes, with rounds for time. */
export interface Queue {
  send: (sent: Sent) => void;
  /** Up to `max` messages in no order, hidden for some rounds; a few of them twice or not hidden. */
  receive: (max: number) => SQSRecord[];
  /** Deletes what was received, whoever else has it; rarely, it comes again all the same. */
  acknowledge: (record: SQSRecord) => void;
  addDeadLetter: (message: OutgoingMessage) => void;
  /** Sends dead letters back as their redrive does: new messages with the identity they had. */
  redrive: (share: number) => void;
  /** The next round: messages whose visibility timeout ends are there again. */
  tick: () => void;
  /** The messages as they were first received. */
  recordsOf: (messages: readonly Sent[]) => SQSRecord[];
  /** How many messages are neither deleted nor dead letters. */
  alive: () => number;
  deadLetters: readonly DeadLetter[];
  /** What became of each message, by its first id. */
  trails: ReadonlyMap<string, Delivery[]>;
  /** Notes the delivery for each of its messages. */
  trace: (records: readonly SQSRecord[], delivery: Delivery) => void;
  counts: Record<
    'sent' | 'received' | 'redelivered' | 'movedByQueue' | 'redriven' | 'again',
    number
  >;
}

const visibilityRounds = 3;
const notHidden = 0.03;
const twiceInBatch = 0.005;
const againAfterDelete = 0.02;

/** `maxReceiveCount` is how often a message is received before the queue itself moves it to the dead letters. */
export function createQueue(prng: Prng, maxReceiveCount: number): Queue {
  const visible: Queued[] = [];
  const hidden = new Map<number, { message: Queued; receipt: number }[]>();
  const byId = new Map<string, Queued>();
  const deadLetters: DeadLetter[] = [];
  const trails = new Map<string, Delivery[]>();
  const counts: Queue['counts'] = {
    sent: 0,
    received: 0,
    redelivered: 0,
    movedByQueue: 0,
    redriven: 0,
    again: 0,
  };
  let round = 0;
  let alive = 0;

  const add = (record: SQSRecord, sent: Sent) => {
    const message: Queued = { record, sent, receives: 0, receipt: 0, where: 'queue' };
    byId.set(record.messageId, message);
    visible.push(message);
    alive += 1;
  };
  const hide = (message: Queued, rounds: number) => {
    message.receipt += 1;
    const until = round + rounds;
    const waiting = hidden.get(until) ?? [];
    waiting.push({ message, receipt: message.receipt });
    hidden.set(until, waiting);
  };
  const takeOne = (): Queued | undefined => {
    if (visible.length === 0) return undefined;
    const place = prng.below(visible.length);
    const taken = visible[place];
    const last = visible.pop()!;
    if (place < visible.length) visible[place] = last;
    return taken;
  };
  const moveToDeadLetters = (message: Queued) => {
    message.where = 'dead letters';
    alive -= 1;
    counts.movedByQueue += 1;
    const { record, sent } = message;
    deadLetters.push({
      body: record.body,
      reason: null,
      sourceMessageId: sourceOf(record).messageId,
      record,
      sent,
    });
  };

  return {
    send: (sent) => {
      counts.sent += 1;
      trails.set(sent.messageId, []);
      add(recordOf(sent.messageId, sent.body, sent.sentTimestamp), sent);
    },
    receive: (max) => {
      const records: SQSRecord[] = [];
      while (records.length < max) {
        const message = takeOne();
        if (message === undefined) break;
        if (message.where !== 'queue') continue;
        if (message.receives >= maxReceiveCount && !isNoneOfSqs(message.sent)) {
          moveToDeadLetters(message);
          continue;
        }
        message.receives += 1;
        counts.received += 1;
        if (message.receives > 1) counts.redelivered += 1;
        hide(message, visibilityRounds);
        const { record } = message;
        const received = {
          ...record,
          receiptHandle: `${message.receipt}`,
          attributes: { ...record.attributes, ApproximateReceiveCount: String(message.receives) },
        };
        records.push(received);
        if (prng.fraction() < notHidden) visible.push(message);
        if (prng.fraction() < twiceInBatch && records.length < max) records.push(received);
      }
      return records;
    },
    acknowledge: ({ messageId }) => {
      const message = byId.get(messageId)!;
      if (message.where !== 'queue') return;
      if (prng.fraction() < againAfterDelete) {
        counts.again += 1;
        hide(message, 1 + prng.below(4));
        return;
      }
      message.where = 'deleted';
      alive -= 1;
    },
    addDeadLetter: ({ body, attributes = {} }) => {
      const sourceMessageId = attributes['sourceMessageId'] ?? '';
      deadLetters.push({
        body,
        reason: attributes['reason'] ?? '',
        sourceMessageId,
        record: recordOf(prng.uuid(), body, String(Date.UTC(2026, 1, 3))),
        sent: byId.get(sourceMessageId)?.sent ?? null,
      });
    },
    redrive: (share) => {
      const staying: DeadLetter[] = [];
      for (const letter of deadLetters) {
        const { record, sent, reason } = letter;
        const isKept = !isForRedrive(letter) && prng.fraction() >= share;
        const stays = sent === null || (reason !== null && isNoneOfSqs(sent)) || isKept;
        if (stays) {
          staying.push(letter);
          continue;
        }
        counts.redriven += 1;
        const source =
          reason === null
            ? sourceOf(record)
            : { messageId: letter.sourceMessageId, sentTimestamp: sent.sentTimestamp };
        const resent = isNoneOfSqs(sent) ? sent.sentTimestamp : String(Date.UTC(2026, 1, 4));
        const again = recordOf(prng.uuid(), record.body, resent);
        for (const [name, stringValue] of Object.entries(sourceAttributes(source))) {
          again.messageAttributes[name] = { stringValue, dataType: 'String' };
        }
        add(again, sent);
      }
      deadLetters.splice(0, deadLetters.length, ...staying);
    },
    tick: () => {
      round += 1;
      for (const { message, receipt } of hidden.get(round) ?? []) {
        if (message.receipt === receipt && message.where === 'queue') visible.push(message);
      }
      hidden.delete(round);
    },
    recordsOf: (messages) =>
      messages.map(({ messageId, body, sentTimestamp }) =>
        recordOf(messageId, body, sentTimestamp),
      ),
    alive: () => alive,
    deadLetters,
    trails,
    trace: (records, delivery) => {
      for (const record of records) trails.get(sourceOf(record).messageId)?.push(delivery);
    },
    counts,
  };
}

/**
 * Whether an operator would send it again for sure: the queue moved it, or its container was killed twice while it
 * was alone, which here is the fault's doing and not the message's.
 */
export function isForRedrive({ reason }: Pick<DeadLetter, 'reason'>): boolean {
  return reason === null || reason === 'crashes_ingest';
}

/** Whether the message has an id or a time that SQS does not give; sent again, it stays one that has. */
function isNoneOfSqs({ becomes }: Sent): boolean {
  return (
    'reason' in becomes && ['invalid_sent_timestamp', 'invalid_message_id'].includes(becomes.reason)
  );
}

function recordOf(messageId: string, body: string, sentTimestamp: string): SQSRecord {
  const record = sqsRecord(body, { messageId, messageAttributes: {} });
  return { ...record, attributes: { ...record.attributes, SentTimestamp: sentTimestamp } };
}
