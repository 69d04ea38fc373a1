import type { Now } from './now.ts';

/** Calls that nobody waits for; their batches are delivered again before they end. */
export interface LateCalls {
  /** Holds a call up for some rounds; resolves when it goes on. */
  hold: () => Promise<void>;
  /** Ends the holding up of calls whose round has come, or of all. */
  goOn: (isEnd: boolean) => void;
  /** Takes the end of a call that nobody waits for. */
  add: (end: Promise<void>) => void;
  /** How many have not ended. */
  left: () => number;
  /** Returns once all have ended. */
  ended: () => Promise<void>;
}

const lateRounds = 6;

export function createLateCalls(now: Readonly<Now>): LateCalls {
  const held: { until: number; goOn: () => void }[] = [];
  const ends = new Set<Promise<void>>();
  return {
    hold: () =>
      new Promise((goOn) => {
        held.push({ until: now.round + lateRounds, goOn });
      }),
    goOn: (isEnd) => {
      for (const call of held.splice(0)) {
        if (isEnd || call.until <= now.round) call.goOn();
        else held.push(call);
      }
    },
    add: (end) => {
      const whenDone = end.then(() => void ends.delete(whenDone));
      ends.add(whenDone);
    },
    left: () => ends.size,
    ended: async () => {
      await Promise.all(ends);
    },
  };
}
