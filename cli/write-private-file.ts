import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

import { messageOf, UserError } from './user-error.ts';

/**
 * Writes a file that only this user can read, whole or not at all: what was there before is replaced at the end.
 * Throws `UserError`.
 */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  const unfinished = `${path}.${randomUUID()}.unfinished`;
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw new UserError(`${path} cannot be written: ${messageOf(error).split(',')[0]}`);
  }
}
