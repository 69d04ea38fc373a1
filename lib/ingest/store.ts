import { setImmediate } from 'node:timers/promises';

import { asVaultError, DatabaseError, type VaultError } from '../errors.ts';
import type { IngestDeps, WrittenBatch } from './deps.ts';
import { maskLogins } from './mask.ts';
import { type Message, type Readable, readMessage, type Rejection } from './message.ts';

/** What happened to messages: counts of the written ones, and a list of the others. */
export interface Outcome extends WrittenBatch {
  /** Messages that can never be stored. */
  rejections: Rejection[];
  /** Messages that SQS must deliver again, and why. */
  failed: Message[];
  error?: VaultError;
}

const emptyOutcome: Outcome = { stored: 0, sealed: 0, rejections: [], failed: [] };

// large enough that the cost of a statement is small, and small enough that the next slice is sealed
// while it runs; the first slices are smaller, because Postgres waits for them
const firstSlices = [100, 150];
const sliceSize = 250;
// one that Postgres works on, one that waits for it, one that is being sealed
const maxSlicesInFlight = 3;
// each try is for another reason: a value that was erased, and a token key that was replaced, back and forth
const maxWriteTries = 5;

/**
 * Stores the messages, a slice in each statement, all or nothing, and seals one slice while those
 * before it are written. After a transient fault the remaining slices are not tried.
 */
export async function store(messages: readonly Message[], deps: IngestDeps): Promise<Outcome> {
  let outcome = emptyOutcome;
  const inFlight: Promise<Outcome>[] = [];
  for (const slice of slices(messages)) {
    const { readable, rejections } = read(slice);
    outcome = combined(outcome, { ...emptyOutcome, rejections });
    if (inFlight.length === maxSlicesInFlight) outcome = combined(outcome, await inFlight.shift()!);
    if (outcome.error !== undefined) outcome = combined(outcome, failure(readable, outcome.error));
    else if (readable.length > 0) {
      inFlight.push(storeSlice(readable, deps));
      // the statement leaves this process before the next slice keeps it busy
      await setImmediate();
    }
  }
  for (const slice of inFlight) outcome = combined(outcome, await slice);
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

function read(messages: readonly Message[]): { readable: Readable[]; rejections: Rejection[] } {
  const readable: Readable[] = [];
  const rejections: Rejection[] = [];
  for (const message of messages) {
    const result = readMessage(message);
    if ('login' in result) readable.push(result);
    else rejections.push(result);
  }
  return { readable, rejections };
}

async function storeSlice(slice: readonly Readable[], deps: IngestDeps): Promise<Outcome> {
  try {
    return { ...emptyOutcome, ...(await maskAndWrite(slice, deps)) };
  } catch (error) {
    if (!(error instanceof DatabaseError && error.refusesData)) {
      deps.log.error('slice failed', error, { received: slice.length });
      return failure(slice, asVaultError(error));
    }
  }
  if (slice.length === 1) {
    const rejections = slice.map(({ message, copy }): Rejection => {
      return { message, copy, reason: 'refused_by_database' };
    });
    return { ...emptyOutcome, rejections };
  }
  // one refused row fails its whole statement: halve the slice until only that row is left
  const middle = Math.ceil(slice.length / 2);
  const first = await storeSlice(slice.slice(0, middle), deps);
  if (first.error !== undefined) return combined(first, failure(slice.slice(middle), first.error));
  return combined(first, await storeSlice(slice.slice(middle), deps));
}

async function maskAndWrite(
  slice: readonly Readable[],
  { tokenizer, keys, held, writesNetworks, write }: IngestDeps,
): Promise<WrittenBatch> {
  const logins = slice.map(({ login }) => login);
  let generation: number | undefined;
  let isHeld: ((token: string) => boolean) | undefined = held.has;
  for (let tries = 0; tries < maxWriteTries; tries += 1) {
    const source = await tokenizer(generation);
    const masked = await maskLogins(logins, source, keys, isHeld, writesNetworks);
    const written = await write(masked);
    if (!('unwritten' in written)) {
      // of a message that was stored before, a value may have been erased since
      if (written.stored === logins.length) held.add(masked.sealed.map(({ token }) => token));
      return written;
    }
    if (written.unwritten === 'generation') {
      // the token key was replaced since this container asked for it
      ({ generation } = written);
    } else {
      // a value was erased since this container saw it: all are sealed, and the statement decides
      held.forget(masked.unsealed);
      isHeld = undefined;
    }
  }
  throw new DatabaseError(null);
}

function failure(slice: readonly Readable[], error: VaultError): Outcome {
  return { ...emptyOutcome, failed: slice.map(({ message }) => message), error };
}

function combined(first: Outcome, second: Outcome): Outcome {
  const error = first.error ?? second.error;
  return {
    stored: first.stored + second.stored,
    sealed: first.sealed + second.sealed,
    rejections: [...first.rejections, ...second.rejections],
    failed: [...first.failed, ...second.failed],
    ...(error && { error }),
  };
}
