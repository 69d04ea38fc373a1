/** Numbers that look random and are the same for the same seed. Not for secrets. */
export interface Prng {
  /** From 0 to below 1. */
  fraction(): number;
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
  pick<T>(choices: readonly [T, ...T[]] | readonly T[]): T;
  digits(count: number): string;
  hex(count: number): string;
  /** A version 4 UUID (RFC 9562). */
  uuid(): string;
}

/** The Mulberry32 generator (T. Ettinger, public domain). */
export function createPrng(seed: number): Prng {
  let state = seed;
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(fraction() * limit);
  const text = (alphabet: string) => (count: number) =>
    Array.from({ length: count }, () => alphabet[below(alphabet.length)]).join('');
  const hex = text('0123456789abcdef');
  return {
    fraction,
    below,
    pick: (choices) => choices[below(choices.length)]!,
    digits: text('0123456789'),
    hex,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'[below(4)]}${hex(3)}-${hex(12)}`,
  };
}
