import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { UserError, messageOf } from '../../cli/user-error.ts';
import { isRunning } from './processes.ts';
import type { Settings } from './settings.ts';

/** A command that brings the stack of a directory up or down; only one may at a time. */
export interface Holder {
  pid: number;
  command: 'start' | 'stop';
}

// a lock file is written as soon as it is created
const maxWritingMs = 1_000;

/**
 * Takes the directory's lock for this process. Returns null once it is taken, or who has it; what
 * a process left that is gone is taken over. Throws `UserError` where nothing can be written.
 */
export async function takeLock(
  settings: Settings,
  command: Holder['command'],
): Promise<Holder | null> {
  const path = lockPath(settings);
  while (!(await create(path, `${process.pid} ${command}\n`))) {
    const text = await readWritten(path);
    const holder = parse(text);
    if (holder !== null && (await isRunning(holder.pid, `${holder.command}.ts`))) {
      return holder;
    }
    if (text !== null) await takeAway(path, text);
  }
  return null;
}

/** Releases the lock. */
export async function releaseLock(settings: Settings): Promise<void> {
  const path = lockPath(settings);
  if (parse(await read(path))?.pid === process.pid) await rm(path, { force: true });
}

/** What to say when another process has the lock. */
export function alreadyRunning({ pid, command }: Holder): UserError {
  const end = command === 'start' ? ', or cancel it with npm stop' : '';
  return new UserError(
    `npm ${command} is already running here, as process ${pid}. Wait for it${end}.`,
  );
}

function lockPath({ directory }: Settings): string {
  return join(directory, 'lock');
}

/** Whether the file could be made: false where there is one already. */
async function create(path: string, text: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    const { code, path: at } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && at === path) return false;
    throw new UserError(`The stack's state cannot be written: ${messageOf(error)}`);
  }
}

async function readWritten(path: string): Promise<string | null> {
  for (const deadline = Date.now() + maxWritingMs; ; await sleep(20)) {
    const text = await read(path);
    if (text !== '' || Date.now() > deadline) return text;
  }
}

/** Null where there is no such file any more. */
async function read(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new UserError(`The stack's state cannot be read: ${messageOf(error)}`);
  }
}

function parse(text: string | null): Holder | null {
  const [, pid, command] = /^(\d+) (start|stop)\n$/.exec(text ?? '') ?? [];
  if (pid === undefined) return null;
  return { pid: Number(pid), command: command as Holder['command'] };
}

/** Removes the lock if it still holds this text: one at a time looks and removes. */
async function takeAway(path: string, text: string): Promise<void> {
  const turn = `${path}.taking`;
  if (!(await create(turn, ''))) {
    const { mtimeMs } = await stat(turn).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > maxWritingMs) await rm(turn, { force: true });
    await sleep(20);
    return;
  }
  if ((await read(path)) === text) await rm(path, { force: true });
  await rm(turn, { force: true });
}
