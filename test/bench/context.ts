import type { Cluster } from './cluster.ts';
import type { Workers } from './workers.ts';

/** What every part of the benchmark works with. */
export interface Context {
  cluster: Cluster;
  workers: Workers;
  /** Fewer rounds and cases: to see that it works, not to measure. */
  quick: boolean;
  say: (line: string) => void;
}

/** Numbers for values that no vault of this run holds. */
export function createNumbers(first: number): (count: number) => number {
  let next = first;
  return (count) => {
    const start = next;
    next += count;
    return start;
  };
}
