import { asVaultError } from '../errors.ts';
import type { IngestDeps } from './deps.ts';
import type { Message, Rejection } from './message.ts';
import { combined, failure, nothing, type Outcome } from './outcome.ts';
import { putAside, settle } from './settle.ts';
import { isMessageId } from './source-message.ts';

const suspectReceives = 3;
const maxLoneAttempts = 2;
const loneAttemptsMs = 15_000;

/**
 * Whether the message was received so often that it may be one that kills its container: by using up
 * memory or time, or by ending the process. Most such messages waited for a database instead.
 */
export function isSuspect({ id, copies }: Message): boolean {
  // without a valid id it is rejected before its body is read
  return copies.some(({ record }) => receives(record) >= suspectReceives) && isMessageId(id);
}

function receives({ attributes }: Message['copies'][number]['record']): number {
  return Number(attributes.ApproximateReceiveCount);
}

/**
 * Stores suspects, so that one that kills its container is found and its neighbours are stored. The
 * receive count cannot tell it from a message that waited for a database. So the database has a note on
 * every attempt while it lasts, and a note that is left tells that a container died.
 *
 * Suspects without a note are stored together, as fast as others. The rest, which died with their
 * neighbours, are stored one by one, those that were alone when their container died last. A message
 * that was alone twice goes to the dead-letter queue, when nothing is left that can kill this container:
 * SQS would deliver it again. Call it when the others of the batch are stored.
 */
export async function isolate(suspects: readonly Message[], deps: IngestDeps): Promise<Outcome> {
  const died = await unended(suspects, deps);
  if ('error' in died) return failure(suspects, died.error);
  const loneDeaths = ({ id }: Message) => died.get(id) ?? 0;
  const isLone = ({ id }: Message) => died.has(id);
  const crashes = (message: Message) => loneDeaths(message) >= maxLoneAttempts;

  const together = suspects.filter((message) => !isLone(message));
  let settled = await attempt(together, deps);
  const lone = suspects.filter((message) => isLone(message) && !crashes(message));
  const endsAt = performance.now() + loneAttemptsMs;
  for (const message of lone.toSorted((a, b) => loneDeaths(a) - loneDeaths(b))) {
    const goesOn = settled.error === undefined && performance.now() < endsAt;
    if (goesOn) deps.log.info('message tried alone', { messageId: message.id });
    settled = combined(settled, goesOn ? await attempt([message], deps) : failure([message]));
  }
  return combined(settled, await putCrashingAside(suspects.filter(crashes), deps));
}

async function unended(suspects: readonly Message[], { attempts, log }: IngestDeps) {
  try {
    return await attempts.unended(suspects.map(({ id }) => id));
  } catch (error) {
    log.error('attempts not read', error);
    return { error: asVaultError(error) };
  }
}

/** Stores the messages; the database has a note of it meanwhile. */
async function attempt(messages: readonly Message[], deps: IngestDeps): Promise<Outcome> {
  if (messages.length === 0) return nothing;
  let id: string;
  try {
    id = await deps.attempts.begin(messages.map((message) => message.id));
  } catch (error) {
    deps.log.error('attempt not begun', error);
    return failure(messages, asVaultError(error));
  }
  const settled = await settle(messages, deps);
  try {
    await deps.attempts.end(id);
  } catch (error) {
    // what is not stored yet is then stored one by one
    deps.log.error('attempt not ended', error);
  }
  return settled;
}

async function putCrashingAside(messages: readonly Message[], deps: IngestDeps): Promise<Outcome> {
  const rejections = messages.map((message): Rejection => {
    return { message, copy: message.copies[0]!, reason: 'crashes_ingest' };
  });
  const settled = await putAside({ ...nothing, rejections }, deps);
  try {
    // sent again after the bug is corrected, it must not be called a crashing one at once
    for (const { id } of messages) await deps.attempts.forget(id);
  } catch (error) {
    deps.log.error('attempts not forgotten', error);
  }
  return settled;
}
