import type { Prng } from '../../scripts/local/prng.ts';

/** Draws items in random order, each as often as the others. */
export function createShuffled<T>(prng: Prng, items: readonly T[]): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...items];
    return left.splice(prng.below(left.length), 1)[0]!;
  };
}
