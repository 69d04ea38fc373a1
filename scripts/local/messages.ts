import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { Fault } from './fault.ts';
import type { RunningVault } from './running-vault.ts';

/** The sample that comes with the repository: 100 messages of `npm run sample`. */
export const samplePath = fileURLToPath(
  new URL('../../test/fixtures/login-events.jsonl', import.meta.url),
);

const chunk = 1_000;

/** The messages of a file, one a line, each as it stands there. Throws `Fault`. */
export async function readMessages(path: string): Promise<string[]> {
  try {
    const lines = (await readFile(path, 'utf8')).split(/\r?\n/);
    return lines.filter((line) => line !== '');
  } catch {
    throw new Fault(`There is no file ${path} that can be read`);
  }
}

/** Sends the messages to the login queue; returns how many it took. */
export async function sendAll(vault: RunningVault, messages: readonly string[]): Promise<number> {
  let taken = 0;
  for (let start = 0; start < messages.length; start += chunk) {
    taken += await vault.send(messages.slice(start, start + chunk));
  }
  return taken;
}
