import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { run } from './command.ts';
import { UserError } from '../../cli/user-error.ts';

/** Who Postgres shall run as where this user is root, whom it refuses; null for any other user. */
export async function postgresUser(): Promise<{ uid: number; gid: number } | null> {
  if (process.getuid?.() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    const uid = await run('id', ['-u', name]);
    const gid = await run('id', ['-g', name]);
    if (uid.code === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  throw new UserError('Postgres cannot run as root, and there is no user postgres or nobody');
}

/** Whether any user may enter this directory: it and all above it are open to others. */
export async function enterableByAll(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  if ((mode & 0o001) === 0) return false;
  const above = dirname(path);
  return above === path || enterableByAll(above);
}
