import { describe, expect, it } from 'vitest';

import { Clusters } from '../../../cli/report/clusters.ts';
import { spreadOf } from '../../../cli/report/give-away.ts';
import { html } from '../../../cli/report/html.ts';
import { versionText } from '../../../cli/report/logins-sections.ts';
import { brief } from '../../../cli/visible.ts';
import { chooseCases, countSingledOut } from '../../../cli/report/singled-out.ts';

const aCase = (user: string, total = 4) => ({
  user,
  total,
  known: Array.from({ length: Math.min(4, total) }, (_, n) => String(n)),
});

const share = (total: number, users: number) =>
  countSingledOut([aCase('a', total)], new Map(), { users })[0]!;

describe('clusters', () => {
  it('join when somebody is in both', () => {
    const clusters = new Clusters();
    expect([clusters.largest(), clusters.users()]).toEqual([0, 0]);
    for (const [one, other] of [
      [1, 2],
      [3, 4],
      [5, 6],
      [2, 1],
      [4, 5],
    ])
      clusters.link(one!, other!);
    expect([clusters.largest(), clusters.users()]).toEqual([4, 6]);
  });
});

describe('who is singled out', () => {
  it('has nobody else with the first k known logins', () => {
    const cases = ['a', 'b', 'c'].map((user) => aCase(user));
    const others = new Map([
      ['a', 1],
      ['b', 4],
    ]);
    const shares = countSingledOut(cases, others, { users: 50 });
    expect(shares.map(({ hits, of }) => [hits, of])).toEqual([
      [1, 3],
      [2, 3],
      [2, 3],
      [2, 3],
    ]);
    expect(shares[0]!.low).toBeLessThan(1 / 3);
  });

  it('is certain only when every user was looked at and nothing was chosen', () => {
    expect(share(1, 1)).toMatchObject({ low: 1, high: 1 });
    expect(share(2, 1).low).toBeLessThan(1);
    expect(share(1, 2).low).toBeLessThan(1);
  });

  it('is looked for in fewer cases when many logins are alike', () => {
    const cases = Array.from({ length: 1_000 }, (_, n) => aCase(String(n)));
    expect(chooseCases(cases, 20_000_000)).toHaveLength(1_000);
    expect(chooseCases(cases, 200_000_000)).toEqual(cases.slice(0, 100));
    expect(chooseCases(cases, 1e15)).toHaveLength(1);
    expect(chooseCases([], 0)).toEqual([]);
  });
});

describe('a page', () => {
  it('escapes what is inserted, once, in elements and attributes', () => {
    const text = `<b a='x' b="y">&`;
    expect(html`<i title="${text}">${[html`<u>${1}</u>`, null, text]}</i>`.text).toBe(
      '<i title="&lt;b a=&#39;x&#39; b=&quot;y&quot;&gt;&amp;"><u>1</u>&lt;b a=&#39;x&#39; b=&quot;y&quot;&gt;&amp;</i>',
    );
  });

  it('cuts what is long, and never through a character', () => {
    expect(brief('é'.repeat(500))).toBe(`${'é'.repeat(120)}…`);
    expect(brief(`${'a'.repeat(119)}😀`).isWellFormed()).toBe(true);
  });

  it('writes a version as producers do', () => {
    expect([2_003_000, 7_999_019].map(versionText)).toEqual(['2.3.0', '7.999.19']);
  });
});

describe('a spread', () => {
  it('has the lower of two medians', () => {
    expect(
      spreadOf(
        new Map([
          [5, 1],
          [1, 1],
        ]),
      ),
    ).toEqual({ median: 1, max: 5 });
    expect(
      spreadOf(
        new Map([
          [5, 2],
          [1, 1],
        ]),
      ),
    ).toEqual({ median: 5, max: 5 });
    expect(spreadOf(new Map())).toEqual({ median: 0, max: 0 });
  });
});
