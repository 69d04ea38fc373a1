import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

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

/** The xoroshiro128+ generator, begun at `seed`. */
export function createPrng(seed: number): Prng {
  const generator = xoroshiro128plus(seed);
  const below = (limit: number) => uniformInt(generator, 0, limit - 1);
  const text = (alphabet: string) => (count: number) =>
    Array.from({ length: count }, () => alphabet[below(alphabet.length)]).join('');
  const hex = text('0123456789abcdef');
  return {
    fraction: () => uniformFloat64(generator),
    below,
    pick: (choices) => choices[below(choices.length)]!,
    digits: text('0123456789'),
    hex,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'[below(4)]}${hex(3)}-${hex(12)}`,
  };
}
