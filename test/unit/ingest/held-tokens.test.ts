import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { createHeldTokens } from '../../../lib/ingest/held-tokens.ts';

/** Tokens of as many values. */
function tokens(count: number): string[] {
  const macs = randomBytes(20 * count);
  return Array.from(
    { length: count },
    (_, n) => `ip_v1_${macs.toString('base64url', 20 * n, 20 * (n + 1))}`,
  );
}

describe('the memory of stored tokens', () => {
  it('holds what was added, until it is forgotten', () => {
    const held = createHeldTokens();
    const [a, b, c] = tokens(3) as [string, string, string];
    expect(held.has(a)).toBe(false);
    held.add([a, b]);
    held.add([b]);
    held.forget([a, c]);
    expect([held.has(a), held.has(b), held.has(c)]).toEqual([false, true, false]);
  });

  it('loses next to nothing of 100 000 tokens, and takes no other for one of them', () => {
    const held = createHeldTokens();
    const added = tokens(100_000);
    held.add(added);
    expect(added.filter(held.has).length).toBeGreaterThan(99_000);
    expect(tokens(10_000).filter(held.has)).toEqual([]);
  });
});
