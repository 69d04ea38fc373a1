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

/** A line of a file, as it stands there; lines count from 1. */
export interface Line {
  number: number;
  text: string;
}

/** The lines of a file that hold a message. Throws `UserError` naming the file. */
export async function readMessages(path: string): Promise<Line[]> {
  const bytes = await readBytes(path);
  // a byte order mark, which some editors write, is not part of the first message
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  const lines = text
    .split(/\r?\n/)
    .map((line, index) => ({ number: index + 1, text: line }))
    .filter((line) => line.text !== '');
  if (lines.length === 0) throw new UserError(`${path} is empty: it holds no message`);
  // one line that is not text does not keep the others from being sent
  if (
    (text.includes('\0') || !isUtf8(bytes)) &&
    !lines.some((line) => parse(line.text) !== undefined)
  ) {
    throw new UserError(`${path} is not text in UTF-8: it must hold one JSON message a line`);
  }
  return lines;
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UserError(`There is no file ${path}`);
    if (code === 'EISDIR') throw new UserError(`${path} is a directory, not a file of messages`);
    // what Node adds after it names the path again
    throw new UserError(`${path} cannot be read: ${messageOf(error).split(', ')[0]}`);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The users whose logins the messages are. */
export function usersOf(lines: readonly Line[]): string[] {
  const users = lines.flatMap(({ text }) => {
    const { user_id: user } = Object(parse(text)) as { user_id?: unknown };
    return typeof user === 'string' ? [user] : [];
  });
  return [...new Set(users)];
}

/** Sends the lines to the login queue; returns those that it did not take. */
export async function sendAll(vault: RunningVault, lines: readonly Line[]): Promise<Line[]> {
  const refused: Line[] = [];
  for (let start = 0; start < lines.length; start += chunk) {
    const sent = lines.slice(start, start + chunk);
    const indexes = await vault.send(sent.map(({ text }) => text));
    refused.push(...indexes.map((index) => sent[index]!));
  }
  return refused;
}
