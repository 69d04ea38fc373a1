import { setImmediate } from 'node:timers/promises';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';

import type { SealingKeys } from './data-key.ts';
import { asVaultError, DatabaseError, type VaultError } from './errors.ts';
import type { Log } from './log.ts';
import { parseLoginEvent, type RejectionReason } from './login-event.ts';
import { type MaskedBatch, maskLogins, type ReceivedLogin } from './mask.ts';
import type { Metrics } from './metrics.ts';
import {
  isMessageId,
  sentDay,
  sourceAttributes,
  type SourceMessage,
  sourceOf,
} from './source-message.ts';
import type { OutgoingMessage } from './sqs.ts';
import type { Tokenizer } from './token.ts';

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

interface Rejection {
  record: SQSRecord;
  reason: RejectionReason;
}

/**
 * Stores a batch of SQS messages. Those that can never be stored go to the dead-letter queue
 * with their reason. Returns the messages that SQS shall deliver again; throws when that is
 * all of them, so that Lambda counts an error.
 */
export async function ingest(
  records: readonly SQSRecord[],
  parts: IngestParts,
): Promise<SQSBatchResponse> {
  const { logins, rejections } = read(records);
  const outcome = await attempt(
    Array.from(logins.values(), ({ login }) => login),
    parts,
  );
  for (const id of outcome.refused) {
    rejections.push({ record: logins.get(id)!.record, reason: 'refused_by_database' });
  }
  const unsent = await reject(rejections, parts);

  const failed = new Set([...recordsOf(records, outcome.failed), ...unsent].map(idOf));
  const counts = {
    received: records.length,
    stored: outcome.stored,
    duplicates: records.length - rejections.length - outcome.failed.length - outcome.stored,
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

/**
 * Each message once, as a login or as a rejection. Where several records say that they are one
 * message, one that can be stored counts, and the message itself before one that was sent again.
 */
function read(records: readonly SQSRecord[]): {
  logins: Map<string, { record: SQSRecord; login: ReceivedLogin }>;
  rejections: Rejection[];
} {
  const logins = new Map<string, { record: SQSRecord; login: ReceivedLogin }>();
  const rejections = new Map<string, Rejection>();
  for (const record of records) {
    const source = sourceOf(record);
    const { messageId } = source;
    const isItself = record.messageId.toLowerCase() === messageId;
    if (logins.has(messageId) && !isItself) continue;
    const login = readOne(record, source);
    if (!('rejected' in login)) {
      logins.set(messageId, { record, login });
      rejections.delete(messageId);
    } else if (!logins.has(messageId)) {
      rejections.set(messageId, { record, reason: login.rejected });
    }
  }
  return { logins, rejections: [...rejections.values()] };
}

function readOne(
  record: SQSRecord,
  source: SourceMessage,
): ReceivedLogin | { rejected: RejectionReason } {
  if (!isMessageId(source.messageId)) return { rejected: 'invalid_message_id' };
  const sentOn = sentDay(source);
  if (sentOn === null) return { rejected: 'invalid_sent_timestamp' };
  const login = parseLoginEvent(record.body);
  return 'rejected' in login ? login : { ...login, messageId: source.messageId, sentOn };
}

interface Attempt extends WrittenBatch {
  /** Message ids to deliver again, and why. */
  failed: string[];
  error?: VaultError;
  /** Message ids whose rows the table itself refuses, for example by a constraint of its owner. */
  refused: string[];
}

const nothing: Attempt = { stored: 0, sealed: 0, failed: [], refused: [] };

// large enough that a statement's own cost is small, small enough that the next slice is sealed
// while it runs
const sliceSize = 250;

/**
 * Stores the logins a slice a statement, each all or nothing, and seals one slice while the one
 * before is written. After a passing fault the slices behind it are not tried.
 */
async function attempt(logins: readonly ReceivedLogin[], parts: IngestParts): Promise<Attempt> {
  let outcome = nothing;
  let writing: Promise<Attempt> | null = null;
  for (let start = 0; start < logins.length; start += sliceSize) {
    const slice = logins.slice(start, start + sliceSize);
    const masked: MaskedBatch | Attempt = await mask(slice, parts);
    if (writing !== null) outcome = both(outcome, await writing);
    writing = null;
    if (outcome.error !== undefined) outcome = both(outcome, failure(slice, outcome.error));
    else if ('failed' in masked) outcome = both(outcome, masked);
    else {
      writing = write(slice, masked, parts);
      // the statement leaves this process before the next slice keeps it busy
      await setImmediate();
    }
  }
  return writing === null ? outcome : both(outcome, await writing);
}

async function mask(
  logins: readonly ReceivedLogin[],
  parts: IngestParts,
): Promise<MaskedBatch | Attempt> {
  try {
    return await maskLogins(logins, await parts.tokenizer(), parts.keys);
  } catch (error) {
    parts.log.error('batch failed', error, { received: logins.length });
    return failure(logins, asVaultError(error));
  }
}

async function write(
  logins: readonly ReceivedLogin[],
  masked: MaskedBatch,
  parts: IngestParts,
): Promise<Attempt> {
  try {
    return { ...nothing, ...(await parts.write(masked)) };
  } catch (error) {
    if (!(error instanceof DatabaseError && error.refusesData)) {
      parts.log.error('batch failed', error, { received: logins.length });
      return failure(logins, asVaultError(error));
    }
  }
  if (logins.length === 1) return { ...nothing, refused: logins.map(({ messageId }) => messageId) };
  // one row poisons its whole statement: halve until it stands alone
  const middle = Math.ceil(logins.length / 2);
  const first = await attempt(logins.slice(0, middle), parts);
  return both(first, await attempt(logins.slice(middle), parts));
}

function failure(logins: readonly ReceivedLogin[], error: VaultError): Attempt {
  return { ...nothing, failed: logins.map(({ messageId }) => messageId), error };
}

function both(first: Attempt, second: Attempt): Attempt {
  const error = first.error ?? second.error;
  return {
    stored: first.stored + second.stored,
    sealed: first.sealed + second.sealed,
    failed: [...first.failed, ...second.failed],
    refused: [...first.refused, ...second.refused],
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
