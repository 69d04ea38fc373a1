import type { SQSRecord } from 'aws-lambda';

import type { VaultError } from '../errors.ts';
import type { IngestDeps, WrittenBatch } from './deps.ts';
import type { Message, Rejection } from './message.ts';
import { reject } from './reject.ts';
import { store } from './store.ts';

/** What became of messages: counts, and the records that SQS must deliver again. */
export interface Settled extends WrittenBatch {
  /** Messages that the dead-letter queue has taken. */
  rejected: number;
  failed: SQSRecord[];
  error?: VaultError;
}

const nothing: Settled = { stored: 0, sealed: 0, rejected: 0, failed: [] };

/** Stores the messages, and puts those aside that can never be stored. */
export async function settle(messages: readonly Message[], deps: IngestDeps): Promise<Settled> {
  const { stored, sealed, rejections, failed, error } = await store(messages, deps);
  const written = { ...failure(failed, error), stored, sealed };
  return combined(written, await putAside(rejections, deps));
}

/** Sends the messages to the dead-letter queue. */
export async function putAside(
  rejections: readonly Rejection[],
  deps: IngestDeps,
): Promise<Settled> {
  const unsent = await reject(rejections, deps);
  const failed = unsent.map(({ copy }) => copy.record);
  return { ...nothing, rejected: rejections.length - unsent.length, failed };
}

/** Leaves the messages to SQS, because of the error or because there is no time. */
export function failure(messages: readonly Message[], error?: VaultError): Settled {
  const failed = messages.flatMap(({ copies }) => copies.map(({ record }) => record));
  return { ...nothing, failed, ...(error && { error }) };
}

/** Both together, with the first error. */
export function combined(first: Settled, second: Settled): Settled {
  const error = first.error ?? second.error;
  return {
    stored: first.stored + second.stored,
    sealed: first.sealed + second.sealed,
    rejected: first.rejected + second.rejected,
    failed: [...first.failed, ...second.failed],
    ...(error && { error }),
  };
}
