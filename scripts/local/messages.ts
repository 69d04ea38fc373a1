import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { UserError, messageOf } from '../../cli/user-error.ts';
import type { RunningVault } from './running-vault.ts';

/** The sample that comes with the repository: 100 messages of `npm run sample`. */
export const samplePath = fileURLToPath(
  new URL('../../test/fixtures/login-events.jsonl', import.meta.url),
);

const chunk = 1_000;

/** The messages of a file, one a line, each as it stands there. Throws `UserError` naming the file. */
export async function readMessages(path: string): Promise<string[]> {
  const bytes = await readBytes(path);
  // a byte order mark, which some editors write, is no part of the first message
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  if (lines.length === 0) throw new UserError(`${path} is empty: it holds no message`);
  // one line that is no text does not keep the others from being sent
  if ((text.includes('\0') || !isUtf8(bytes)) && !lines.some(isJson)) {
    throw new UserError(`${path} is no text in UTF-8: expected is one JSON message a line`);
  }
  return lines;
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UserError(`There is no file ${path} that can be read`);
    if (code === 'EISDIR') throw new UserError(`${path} is a directory, not a file of messages`);
    // what Node adds after it names the path again
    throw new UserError(`${path} cannot be read: ${messageOf(error).split(', ')[0]}`);
  }
}

function isJson(line: string): boolean {
  return parse(line) !== undefined;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The users whose logins the messages are. */
export function usersOf(messages: readonly string[]): string[] {
  return messages.flatMap((message) => {
    const { user_id: user } = Object(parse(message)) as { user_id?: unknown };
    return typeof user === 'string' ? [user] : [];
  });
}

/** Sends the messages to the login queue; returns how many it took. */
export async function sendAll(vault: RunningVault, messages: readonly string[]): Promise<number> {
  let taken = 0;
  for (let start = 0; start < messages.length; start += chunk) {
    taken += await vault.send(messages.slice(start, start + chunk));
  }
  return taken;
}
