import { SealBroken, type VaultCallError } from '../client/errors.ts';
import { type ChunkOptions, inChunks } from './in-chunks.ts';

/** What became of many questions. */
export interface Asked<Answer> {
  answers: ReadonlyMap<string, Answer>;
  /** Asked for, but a sealed value of the same request did not open. */
  withheld: ReadonlySet<string>;
  /** Why the rest was not asked; null where all was, or at an interruption. */
  stoppedBy: VaultCallError | null;
}

/**
 * Asks the vault for each key once, and gives each chunk's answers to `keep` as soon as they are
 * there. Ends early at the first error, which may pass, or at an interruption; goes on after a
 * broken seal.
 */
export async function askInChunks<Answer>(
  keys: readonly string[],
  known: ReadonlyMap<string, Answer>,
  askVault: (chunk: string[]) => Promise<Map<string, Answer>>,
  keep: (answers: ReadonlyMap<string, Answer>) => Promise<void>,
  options: ChunkOptions,
): Promise<Asked<Answer>> {
  const wanted = new Set(keys);
  const answers = new Map([...known].filter(([key]) => wanted.has(key)));
  const open = [...wanted].filter((key) => !answers.has(key));
  const withheld = new Set<string>();
  const ask = async (chunk: string[]) => {
    try {
      const found = await askVault(chunk);
      await keep(found);
      for (const [key, answer] of found) answers.set(key, answer);
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      for (const key of chunk) withheld.add(key);
    }
  };
  return { answers, withheld, stoppedBy: await inChunks(open, ask, options) };
}
