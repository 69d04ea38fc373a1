import { setImmediate } from 'node:timers/promises';

import { asVaultError, DatabaseError } from '../errors.ts';
import type { IngestDeps, WrittenBatch } from './deps.ts';
import { maskLogins } from './mask.ts';
import { type Message, type Readable, readMessage, type Rejection } from './message.ts';
import { combined, failure, nothing, type Outcome } from './outcome.ts';

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
 * before it are written. After a transient fault the remaining slices are not tried. Rejected messages
 * are only listed.
 */
export async function store(messages: readonly Message[], deps: IngestDeps): Promise<Outcome> {
  let outcome = nothing;
  const inFlight: Promise<Outcome>[] = [];
  for (const slice of slices(messages)) {
    const { readable, rejections } = read(slice);
    outcome = combined(outcome, { ...nothing, rejections });
    if (inFlight.length === maxSlicesInFlight) outcome = combined(outcome, await inFlight.shift()!);
    if (outcome.error !== undefined)
      outcome = combined(outcome, failure(readable.map(messageOf), outcome.error));
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

const messageOf = ({ message }: Readable): Message => message;

async function storeSlice(slice: readonly Readable[], deps: IngestDeps): Promise<Outcome> {
  try {
    return { ...nothing, ...(await maskAndWrite(slice, deps)) };
  } catch (error) {
    if (!(error instanceof DatabaseError && error.refusesData)) {
      deps.log.error('slice failed', error, { received: slice.length });
      return failure(slice.map(messageOf), asVaultError(error));
    }
  }
  if (slice.length === 1) {
    const rejections = slice.map(({ message, copy }): Rejection => {
      return { message, copy, reason: 'refused_by_database' };
    });
    return { ...nothing, rejections };
  }
  // one refused row fails its whole statement: halve the slice until only that row is left
  const middle = Math.ceil(slice.length / 2);
  const first = await storeSlice(slice.slice(0, middle), deps);
  if (first.error !== undefined)
    return combined(first, failure(slice.slice(middle).map(messageOf), first.error));
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
