import { describe, expect, it } from 'vitest';

import { counted, sampled } from '../../../cli/report/interval.ts';
import { count, outOf100, short } from '../../../cli/report/numbers.ts';
import { everyDay, ticksTo } from '../../../cli/report/ticks.ts';

describe('an interval', () => {
  it("is Wilson's, as tables have it", () => {
    const { low, high } = sampled(10, 100);
    expect([low, high].map((bound) => bound.toFixed(4))).toEqual(['0.0552', '0.1744']);
    expect(sampled(0, 10).high).toBeCloseTo(0.2775, 4);
    expect(sampled(0, 10).low).toBe(0);
  });

  it('says nothing about no case, and everything about what was counted', () => {
    expect(sampled(0, 0)).toMatchObject({ low: 0, high: 1 });
    expect(counted(1, 4)).toMatchObject({ low: 0.25, high: 0.25 });
    expect(counted(0, 0)).toMatchObject({ low: 0, high: 0 });
  });
});

describe('a number for people', () => {
  it('never rounds a share to none or all that it is not', () => {
    const shares = [0, 1, 4, 5_000, 99_950, 99_999, 100_000].map((hits) =>
      outOf100({ hits, of: 100_000 }),
    );
    expect(shares).toEqual([
      '0',
      'fewer than 0.1',
      'fewer than 0.1',
      '5',
      'more than 99.9',
      'more than 99.9',
      '100',
    ]);
    expect(outOf100({ hits: 3, of: 400 })).toBe('0.8');
    expect(outOf100({ hits: 0, of: 0 })).toBe('0');
  });

  it('is one or many', () => {
    expect([count(1, 'login'), count(2_000, 'login')]).toEqual(['1 login', '2,000 logins']);
    expect([950, 12_300, 4_000_000].map(short)).toEqual(['950', '12.3k', '4M']);
  });
});

describe('an axis', () => {
  it('has round whole numbers, from 0 to beyond the largest value', () => {
    expect(ticksTo(0)).toEqual([0, 1]);
    expect(ticksTo(3)).toEqual([0, 1, 2, 3]);
    expect(ticksTo(35_000)).toEqual([0, 10_000, 20_000, 30_000, 40_000]);
  });

  it('has every day between the first and the last', () => {
    expect(everyDay(['2026-03-01', '2026-02-27'])).toEqual([
      '2026-02-27',
      '2026-02-28',
      '2026-03-01',
    ]);
    expect(everyDay([])).toEqual([]);
  });
});
