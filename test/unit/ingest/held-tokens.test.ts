import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { createHeldTokens } from '../../../lib/ingest/held-tokens.ts';

/** A token of the nth value, as random as a MAC. */
const token = (n: number) =>
  `ip_v1_${createHash('sha256').update(String(n)).digest().toString('base64url', 0, 20)}`;
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => token(from + n));

describe('the memory of stored tokens', () => {
  it('holds what was added, until it is forgotten', () => {
    const held = createHeldTokens();
    const [a, b, c] = [token(1), token(2), token(3)];
    expect(held.has(a)).toBe(false);
    held.add([a, b]);
    held.add([b]);
    held.forget([a, c]);
    expect([held.has(a), held.has(b), held.has(c)]).toEqual([false, true, false]);
  });

  it('takes no other token for one that was added', () => {
    const held = createHeldTokens();
    held.add(numbered(0, 100_000));
    expect(numbered(100_000, 200_000).filter(held.has)).toEqual([]);
  });

  it('loses next to nothing of 100 000 tokens, keeps the newest of millions, and stays as small', () => {
    const held = createHeldTokens();
    const first = numbered(0, 100_000);
    held.add(first);
    expect(first.filter(held.has).length).toBeGreaterThan(99_000);
    for (let n = 100_000; n < 1_500_000; n += 50_000) held.add(numbered(n, n + 50_000));
    const last = numbered(1_450_000, 1_500_000);
    expect(last.filter(held.has).length).toBeGreaterThan(45_000);
    expect(first.filter(held.has).length).toBeLessThan(50_000);
  });
});
