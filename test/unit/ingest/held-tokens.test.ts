import { describe, expect, it } from 'vitest';

import { createHeldTokens } from '../../../lib/ingest/held-tokens.ts';

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => `token ${from + n}`);

describe('the memory of stored tokens', () => {
  it('holds what was added, until it is forgotten', () => {
    const held = createHeldTokens();
    held.add(['a', 'b']);
    held.forget(['a']);
    expect([held.has('a'), held.has('b'), held.has('c')]).toEqual([false, true, false]);
  });

  it('lets go of the oldest, keeps what is used, and stays bounded', () => {
    const held = createHeldTokens();
    held.add(['used', 'unused']);
    for (let thousands = 0; thousands < 500; thousands += 1) {
      held.add(numbered(thousands * 1_000, (thousands + 1) * 1_000));
      expect(held.has('used')).toBe(true);
    }
    expect(held.has('unused')).toBe(false);
    const kept = numbered(0, 500_000).filter((token) => held.has(token));
    expect(kept.length).toBeLessThan(200_000);
    expect(kept.length).toBeGreaterThan(99_000);
  });
});
