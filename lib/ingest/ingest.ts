import { setImmediate } from 'node:timers/promises';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';

import type { SealingKeys } from '../crypto/data-key.ts';
import { asVaultError, DatabaseError, type VaultError } from '../errors.ts';
import type { Log } from '../log.ts';
import { parseLoginEvent, type RejectionReason } from './login-event.ts';
import { type MaskedBatch, maskLogins, type ReceivedLogin } from './mask.ts';
import type { Metrics } from '../metrics.ts';
import {
  isItself,
  isMessageId,
  resentDay,
  sentDay,
  sourceAttributes,
  type SourceMessage,
  sourceOf,
} from './source-message.ts';
import type { OutgoingMessage } from '../sqs.ts';
import type { Tokenizer } from '../crypto/token.ts';

/** What one statement did: logins new to the table, and values new to the vault. */
export interface WrittenBatch {
  stored: number;
  sealed: number;
}

/** What `ingest` works with. */
export interface IngestParts {
  /** The container's tokenizer; asks KMS the first time. */
  tokenizer: () => Promise<Tokenizer>;
  keys: SealingKeys;
  /** Writes a slice of a batch in one statement, all or nothing, once per message id. */
  write: (batch: MaskedBatch) => Promise<WrittenBatch>;
  /** Sends to the dead-letter queue; returns the indexes of those not taken. */
  sendToDeadLetters: (messages: OutgoingMessage[]) => Promise<number[]>;
  log: Log;
  metrics: Metrics;
}

interface Received {
  record: SQSRecord;
  source: SourceMessage;
}

/** The records that say they are one message; the message itself comes first. */
type Copies = Received[];

/** A message that can be stored, and the record it came by. */
interface Readable {
  record: SQSRecord;
  login: ReceivedLogin;
}

interface Rejection {
  record: SQSRecord;
  reason: RejectionReason;
}

interface Outcome extends WrittenBatch {
  /** Messages that can never be stored. */
  rejections: Rejection[];
  /** Message ids to deliver again, and why. */
  failed: string[];
  error?: VaultError;
}

const nothing: Outcome = { stored: 0, sealed: 0, rejections: [], failed: [] };

/**
 * Stores a batch of SQS messages. Those that can never be stored go to the dead-letter queue
 * with their reason. Returns the messages that SQS shall deliver again; throws when that is
 * all of them, so that Lambda counts an error.
 */
export async function ingest(
  records: readonly SQSRecord[],
  parts: IngestParts,
): Promise<SQSBatchResponse> {
  const { rejections, ...outcome } = await store(messagesOf(records), parts);
  const unsent = await reject(rejections, parts);

  const toRepeat = recordsOf(records, outcome.failed);
  const failed = new Set([...toRepeat, ...unsent].map(idOf));
  const counts = {
    received: records.length,
    stored: outcome.stored,
    duplicates: records.length - rejections.length - toRepeat.length - outcome.stored,
    rejected: rejections.length - unsent.length,
    sealed: outcome.sealed,
    failed: failed.size,
  };
  parts.log.info('batch processed', counts);
  parts.metrics.publish(counts);
  const isAll = failed.size === new Set(records.map(idOf)).size;
  if (outcome.error !== undefined && isAll) throw outcome.error;
  return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) };
}

const idOf = ({ messageId }: SQSRecord): string => messageId;

/** The records that are these messages. */
function recordsOf(records: readonly SQSRecord[], messageIds: readonly string[]): SQSRecord[] {
  const wanted = new Set(messageIds);
  return wanted.size === 0
    ? []
    : records.filter((record) => wanted.has(sourceOf(record).messageId));
}

/** Each message once. */
function messagesOf(records: readonly SQSRecord[]): Copies[] {
  const messages = new Map<string, Copies>();
  for (const record of records) {
    const source = sourceOf(record);
    // what is no id makes no two records one message
    const id = isMessageId(source.messageId) ? source.messageId : record.messageId;
    const copies = messages.get(id);
    if (copies === undefined) messages.set(id, [{ record, source }]);
    else if (isItself(record, source)) copies.unshift({ record, source });
    else copies.push({ record, source });
  }
  return [...messages.values()];
}

// large enough that a statement's own cost is small, small enough that the next slice is sealed
// while it runs; the first ones are smaller, since Postgres waits for them
const firstSlices = [100, 150];
const sliceSize = 250;
// one that Postgres works on, one that waits for it, one that is being sealed
const slicesUnderWay = 3;

/**
 * Stores the messages a slice a statement, each all or nothing, and seals one slice while those
 * before are written. After a passing fault the slices behind are not tried.
 */
async function store(messages: readonly Copies[], parts: IngestParts): Promise<Outcome> {
  let outcome = nothing;
  const underWay: Promise<Outcome>[] = [];
  for (const slice of slices(messages)) {
    const { readable, rejections } = read(slice);
    outcome = both(outcome, { ...nothing, rejections });
    if (underWay.length === slicesUnderWay) outcome = both(outcome, await underWay.shift()!);
    if (outcome.error !== undefined) outcome = both(outcome, failure(readable, outcome.error));
    else if (readable.length > 0) {
      underWay.push(storeSlice(readable, parts));
      // the statement leaves this process before the next slice keeps it busy
      await setImmediate();
    }
  }
  for (const slice of underWay) outcome = both(outcome, await slice);
  return outcome;
}

function* slices<T>(all: readonly T[]): Generator<readonly T[]> {
  let start = 0;
  for (let n = 0; start < all.length; n += 1) {
    const end = start + (firstSlices[n] ?? sliceSize);
    yield all.slice(start, end);
    start = end;
  }
}

/** For each message the first copy that can be stored; where none can, its first is rejected. */
function read(messages: readonly Copies[]): { readable: Readable[]; rejections: Rejection[] } {
  const readable: Readable[] = [];
  const rejections: Rejection[] = [];
  for (const copies of messages) {
    let rejection: Rejection | null = null;
    for (const copy of copies) {
      const login = readOne(copy);
      if (!('rejected' in login)) {
        readable.push({ record: copy.record, login });
        rejection = null;
        break;
      }
      rejection ??= { record: copy.record, reason: login.rejected };
    }
    if (rejection !== null) rejections.push(rejection);
  }
  return { readable, rejections };
}

function readOne({ record, source }: Received): ReceivedLogin | { rejected: RejectionReason } {
  if (!isMessageId(source.messageId)) return { rejected: 'invalid_message_id' };
  const sentOn = sentDay(source);
  if (sentOn === null) return { rejected: 'invalid_sent_timestamp' };
  const event = parseLoginEvent(record.body);
  if ('rejected' in event) return event;
  return { messageId: source.messageId, sentOn, resentOn: resentDay(record, source), event };
}

async function storeSlice(slice: readonly Readable[], parts: IngestParts): Promise<Outcome> {
  try {
    const logins = slice.map(({ login }) => login);
    const masked = await maskLogins(logins, await parts.tokenizer(), parts.keys);
    return { ...nothing, ...(await parts.write(masked)) };
  } catch (error) {
    if (!(error instanceof DatabaseError && error.refusesData)) {
      parts.log.error('slice failed', error, { received: slice.length });
      return failure(slice, asVaultError(error));
    }
  }
  if (slice.length === 1) {
    const rejections = slice.map(({ record }) => ({
      record,
      reason: 'refused_by_database' as const,
    }));
    return { ...nothing, rejections };
  }
  // one row poisons its whole statement: halve until it stands alone
  const middle = Math.ceil(slice.length / 2);
  const first = await storeSlice(slice.slice(0, middle), parts);
  if (first.error !== undefined) return both(first, failure(slice.slice(middle), first.error));
  return both(first, await storeSlice(slice.slice(middle), parts));
}

function failure(slice: readonly Readable[], error: VaultError): Outcome {
  return { ...nothing, failed: slice.map(({ login }) => login.messageId), error };
}

function both(first: Outcome, second: Outcome): Outcome {
  const error = first.error ?? second.error;
  return {
    stored: first.stored + second.stored,
    sealed: first.sealed + second.sealed,
    rejections: [...first.rejections, ...second.rejections],
    failed: [...first.failed, ...second.failed],
    ...(error && { error }),
  };
}

/** Sends the rejected messages away, bodies untouched; returns those not sent. */
async function reject(rejections: readonly Rejection[], parts: IngestParts): Promise<SQSRecord[]> {
  if (rejections.length === 0) return [];
  const unsent = await parts.sendToDeadLetters(
    rejections.map(({ record, reason }) => {
      const source = sourceOf(record);
      // what is no id may be anything, so it is not passed on
      const messageId = isMessageId(source.messageId) ? source.messageId : record.messageId;
      return {
        body: record.body,
        attributes: { reason, ...sourceAttributes({ ...source, messageId }) },
      };
    }),
  );
  const waiting = new Set(unsent);
  for (const { record, reason } of rejections.filter((_, index) => !waiting.has(index))) {
    parts.log.info('message rejected', { messageId: record.messageId, reason });
    parts.metrics.publishRejected(reason, 1);
  }
  return unsent.map((index) => rejections[index]!.record);
}
