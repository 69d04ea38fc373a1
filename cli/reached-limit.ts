import { readFile, rm } from 'node:fs/promises';

import { QuotaExceeded, type VaultCallError } from '../client/errors.ts';
import { usedUp } from './in-chunks.ts';
import { writePrivateFile } from './private-file.ts';
import type { OpenDoor } from './vault.ts';

/** A limit that leaves a caller, by its ARN, no room until a time in ISO 8601. */
export interface ReachedLimit {
  caller: string;
  limit: 'quota' | 'cap';
  until: string;
}

/** The limit that a command was stopped by, to be kept for the next run; null for other errors. */
export async function reachedLimit(
  stoppedBy: VaultCallError | null,
  who: OpenDoor['who'],
): Promise<ReachedLimit | null> {
  if (!(stoppedBy instanceof QuotaExceeded) || stoppedBy.retryAt === null) return null;
  const caller = await who();
  const { limit, retryAt } = stoppedBy;
  return caller === null ? null : { caller, limit, until: retryAt.toISOString() };
}

/** The limit that an earlier run was stopped by, if it leaves this caller no room yet. */
export async function stillReached(
  reached: ReachedLimit | null,
  who: OpenDoor['who'],
): Promise<QuotaExceeded | null> {
  if (reached === null || Date.parse(reached.until) <= Date.now()) return null;
  if ((await who()) !== reached.caller) return null;
  return usedUp(reached.limit, new Date(reached.until));
}

/** The limit that an earlier run kept in `FILE.limit`, beside its `--out`; null where there is none. */
export async function readLimit(path: string): Promise<ReachedLimit | null> {
  return readFile(`${path}.limit`, 'utf8').then(
    (text) => JSON.parse(text) as ReachedLimit,
    () => null,
  );
}

/** Keeps the limit in `FILE.limit`; null removes what an earlier run kept. Throws `UserError`. */
export async function writeLimit(path: string, limit: ReachedLimit | null): Promise<void> {
  if (limit === null) await rm(`${path}.limit`, { force: true });
  else await writePrivateFile(`${path}.limit`, JSON.stringify(limit));
}
