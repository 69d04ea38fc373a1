import type { Prng } from '../../scripts/local/prng.ts';
import { type ConnectionFault, connectionFaults } from '../helpers/faulty-proxy.ts';
import { createDeck } from './deck.ts';
import type { Now } from './now.ts';
import type { Tally } from './tally.ts';

const deaths = [
  'killed before the statement',
  'killed under the statement',
  'killed after the commit',
  'killed before the answer',
] as const;
const delays = ['late before the statement', 'late after the commit'] as const;
const deadLetterFaults = ['dead letters not taken', 'dead letters taken, answer lost'] as const;

const faultShare = 0.5;

/** What disturbs one call of a handler. */
export type Card =
  | ConnectionFault
  | (typeof deaths | typeof delays | typeof deadLetterFaults)[number];

/** Breaks of a connection that its client is told of. */
export const toldBreaks: readonly ConnectionFault[] = connectionFaults.filter(
  (fault) => fault !== 'silence',
);

/** What is dealt in every storm: all but `silence`. */
export const handlerCards: readonly Card[] = [
  ...toldBreaks,
  ...deaths,
  ...deadLetterFaults,
  // dead letters are few in small batches
  ...deadLetterFaults,
  ...delays,
];

interface Deps {
  prng: Prng;
  now: Readonly<Now>;
  tally: Tally;
  /** Statements that are never answered. */
  silences: number;
}

/** Deals each call its card, or null when nothing disturbs it. */
export function createDealer({ prng, now, tally, silences }: Deps): () => Card | null {
  const nextCard = createDeck(prng, handlerCards);
  return () => {
    if (!now.isStorm || prng.fraction() >= faultShare) return null;
    const isLeft = (tally.faults.get('silence') ?? 0) < silences;
    if (isLeft && prng.below(20) === 0) return 'silence';
    return nextCard();
  };
}
