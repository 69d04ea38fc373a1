import { randomUUID } from 'node:crypto';
import { access, constants, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { fileProblem, UserError } from './user-error.ts';

/** Whether there is something under this path. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/**
 * Throws `UserError` where a new file cannot be written, before work is done for it: nothing is
 * overwritten, and its directory must be there.
 */
export async function refuseExisting(path: string): Promise<void> {
  if (await exists(path)) {
    throw new UserError(`${path} exists already: choose another name, or remove it.`);
  }
  await access(dirname(path), constants.W_OK).catch((error: unknown) => {
    throw unwritable(path, error);
  });
}

/**
 * Writes a file that only this user may read (mode 0600), whole or not at all: under another name
 * first, then renamed. Throws `UserError`.
 */
export async function writePrivateFile(
  path: string,
  content: Uint8Array | string | AsyncIterable<string>,
): Promise<void> {
  const other = `${path}.${randomUUID().slice(0, 8)}.new`;
  try {
    const file = await open(other, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(other, path);
  } catch (error) {
    await rm(other, { force: true });
    if (error instanceof Error && 'syscall' in error) throw unwritable(path, error);
    throw error;
  }
}

/** Says that a file cannot be written, and why. */
export function unwritable(path: string, error: unknown): UserError {
  return new UserError(`${path} cannot be written: ${fileProblem(error)}.`);
}
