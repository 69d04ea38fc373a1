/** The tokens that a container saw stored. It can be wrong, since values are erased: the database decides. */
export interface HeldTokens {
  has: (token: string) => boolean;
  add: (tokens: Iterable<string>) => void;
  forget: (tokens: Iterable<string>) => void;
}

const maxPerGeneration = 100_000;

/** Remembers about the last 100 000 to 200 000 tokens that were added or found, 20 MB of them. */
export function createHeldTokens(): HeldTokens {
  let recent = new Set<string>();
  let older = new Set<string>();
  const add = (token: string): void => {
    if (recent.size === maxPerGeneration) {
      older = recent;
      recent = new Set();
    }
    recent.add(token);
  };
  return {
    has: (token) => {
      if (recent.has(token)) return true;
      if (!older.has(token)) return false;
      add(token);
      return true;
    },
    add: (tokens) => {
      for (const token of tokens) if (!recent.has(token)) add(token);
    },
    forget: (tokens) => {
      for (const token of tokens) {
        recent.delete(token);
        older.delete(token);
      }
    },
  };
}
