import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { run } from './command.ts';

/** Whether the process runs and is still the one that was started with these words. */
export async function isRunning(pid: number, words: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  return (await commandLine(pid)).includes(words);
}

/** Ends a process and all that it started, which share its process group; waits until they are gone. */
export async function endGroup(pid: number): Promise<void> {
  signal(-pid, 'SIGTERM');
  for (let tries = 0; tries < 30 && isAlive(-pid); tries += 1) await sleep(100);
  signal(-pid, 'SIGKILL');
  for (let tries = 0; tries < 20 && isAlive(-pid); tries += 1) await sleep(50);
}

/** Asks a process to end, and waits until it is gone; kills it if it is not within so long. */
export async function endProcess(pid: number, patienceMs: number): Promise<void> {
  signal(pid, 'SIGTERM');
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(50)) {
    if (!isAlive(pid)) return;
  }
  signal(pid, 'SIGKILL');
  for (let tries = 0; tries < 20 && isAlive(pid); tries += 1) await sleep(50);
}

async function commandLine(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  } catch {
    // no /proc, as on macOS
    return (await run('ps', ['-o', 'command=', '-p', String(pid)])).stdout;
  }
}

function isAlive(pid: number): boolean {
  return signal(pid, 0);
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
