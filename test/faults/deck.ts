import type { Prng } from '../../scripts/local/prng.ts';

/** Draws cards in no order, each as often as the others. */
export function createDeck<T>(prng: Prng, cards: readonly T[]): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...cards];
    return left.splice(prng.below(left.length), 1)[0]!;
  };
}
