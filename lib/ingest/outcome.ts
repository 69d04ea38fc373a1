import type { SQSRecord } from 'aws-lambda';

import type { VaultError } from '../errors.ts';
import type { WrittenBatch } from './deps.ts';
import type { Message, Rejection } from './message.ts';

/** What became of messages: counts of the written ones, and lists of the others. */
export interface Outcome extends WrittenBatch {
  /** Messages that can never be stored; once they are settled, only those that the dead-letter queue has taken. */
  rejections: Rejection[];
  /** Records that SQS must deliver again. */
  failed: SQSRecord[];
  /** The first error, because of which messages failed. */
  error?: VaultError;
}

export const nothing: Outcome = { stored: 0, sealed: 0, rejections: [], failed: [] };

/** Leaves the messages to SQS, because of the error or because there is no time. */
export function failure(messages: readonly Message[], error?: VaultError): Outcome {
  const failed = messages.flatMap(({ copies }) => copies.map(({ record }) => record));
  return { ...nothing, failed, ...(error && { error }) };
}

/** Both together, with the first error. */
export function combined(first: Outcome, second: Outcome): Outcome {
  const error = first.error ?? second.error;
  return {
    stored: first.stored + second.stored,
    sealed: first.sealed + second.sealed,
    rejections: [...first.rejections, ...second.rejections],
    failed: [...first.failed, ...second.failed],
    ...(error && { error }),
  };
}
