import type { Dice } from '../../scripts/local/dice.ts';

/** Draws cards in no order, each as often as the others. */
export function createDeck<T>(dice: Dice, cards: readonly T[]): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...cards];
    return left.splice(dice.below(left.length), 1)[0]!;
  };
}
