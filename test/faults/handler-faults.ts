import type { Prng } from '../../scripts/local/prng.ts';
import { type ConnectionFault, connectionFaults } from '../helpers/faulty-proxy.ts';
import { createShuffled } from './shuffled.ts';
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
export type HandlerFault =
  | ConnectionFault
  | (typeof deaths | typeof delays | typeof deadLetterFaults)[number];

/** Breaks of a connection that its client is told of. */
export const toldBreaks: readonly ConnectionFault[] = connectionFaults.filter(
  (fault) => fault !== 'silence',
);

/** What is dealt in every storm: all but `silence`. */
export const handlerFaults: readonly HandlerFault[] = [
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

/** Picks the fault of each call, or null when nothing disturbs it. */
export function createFaultPicker({ prng, now, tally, silences }: Deps): () => HandlerFault | null {
  const nextFault = createShuffled(prng, handlerFaults);
  return () => {
    if (!now.isStorm || prng.fraction() >= faultShare) return null;
    const isLeft = (tally.faults.get('silence') ?? 0) < silences;
    if (isLeft && prng.below(20) === 0) return 'silence';
    return nextFault();
  };
}
