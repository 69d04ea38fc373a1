/** The middle of some measurements and the quartiles around it. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

/** The median with the interquartile range. */
export function spread(measurements: readonly number[]): Spread {
  return {
    median: percentile(measurements, 50),
    low: percentile(measurements, 25),
    high: percentile(measurements, 75),
  };
}

/** Interpolated between the two nearest measurements. Throws `RangeError` when there are none. */
export function percentile(measurements: readonly number[], percent: number): number {
  const sorted = measurements.toSorted((a, b) => a - b);
  const position = ((sorted.length - 1) * percent) / 100;
  const low = sorted[Math.floor(position)];
  const high = sorted[Math.ceil(position)];
  if (low === undefined || high === undefined) throw new RangeError('nothing was measured');
  return low + (high - low) * (position - Math.floor(position));
}

/** One measurement over the other, round by round: what both suffered from in a round cancels. */
export function ratios(over: readonly number[], under: readonly number[]): number[] {
  return over.map((value, round) => value / under[round]!);
}

/** Each round begins with another one: none always runs behind the same. */
export function rotate<T>(all: readonly T[], round: number): T[] {
  const shift = (round + all.length) % all.length;
  return [...all.slice(shift), ...all.slice(0, shift)];
}
