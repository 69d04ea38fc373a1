import { type FileHandle, open, readFile, rm } from 'node:fs/promises';

import { exists, refuseExisting, unwritable } from './private-file.ts';
import type { ReachedLimit } from './reached-limit.ts';
import { UserError } from './user-error.ts';

/** Keeps the answers of a command while it runs, in `FILE.part`, so that it can go on after an end. */
export interface AnswerFile<Answer> {
  /** Those of an earlier run. */
  known: Map<string, Answer>;
  /** The last limit that an earlier run has reached. */
  limit: ReachedLimit | null;
  /** Keeps answers at once. */
  add: (answers: Iterable<readonly [string, Answer]>) => Promise<void>;
  /** Keeps that a limit leaves a caller no room. */
  reach: (limit: ReachedLimit) => Promise<void>;
  /** Closes the file, and removes it unless its answers are needed later. */
  close: (isNeeded: boolean) => Promise<void>;
}

/** Where the answers for this output file are kept. */
export function partOf(path: string): string {
  return `${path}.part`;
}

/**
 * Begins `FILE.part`, with mode 0600, or with `resume` goes on with it. `origin` tells whether it
 * belongs to the same command. Throws `UserError`, before anything is asked.
 */
export async function openAnswerFile<Answer>(
  path: string,
  origin: string,
  resume: boolean,
): Promise<AnswerFile<Answer>> {
  await refuseExisting(path);
  const part = partOf(path);
  const isThere = await exists(part);
  if (isThere && !resume) {
    throw new UserError(
      `${part} holds the answers of an earlier run: add --resume to go on after them, or remove it.`,
    );
  }
  let file: FileHandle;
  try {
    file = await open(part, isThere ? 'r+' : 'wx', 0o600);
  } catch (error) {
    throw unwritable(part, error);
  }
  const known = new Map<string, Answer>();
  let limit: ReachedLimit | null = null;
  let end = 0;
  if (isThere) {
    const text = await readFile(part, 'utf8');
    // a line that was not written to its end is asked again
    const lines = text.slice(0, text.lastIndexOf('\n') + 1);
    const [first = '', ...rest] = lines.split('\n');
    if (first !== origin) {
      await file.close();
      throw new UserError(`${part} belongs to another command or stage: choose another --out.`);
    }
    for (const line of rest.filter((one) => one !== '')) {
      const kept = JSON.parse(line) as [string, Answer] | ReachedLimit;
      if (Array.isArray(kept)) known.set(...kept);
      else limit = kept;
    }
    end = Buffer.byteLength(lines);
    await file.truncate(end);
  }
  const write = async (text: string) => {
    const bytes = Buffer.from(text);
    await file.write(bytes, 0, bytes.length, end);
    end += bytes.length;
    await file.datasync();
  };
  if (!isThere) await write(`${origin}\n`);
  return {
    known,
    limit,
    add: async (answers) => {
      await write([...answers].map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    },
    reach: (reached) => write(`${JSON.stringify(reached)}\n`),
    close: async (isNeeded) => {
      await file.close();
      if (!isNeeded) await rm(part, { force: true });
    },
  };
}
