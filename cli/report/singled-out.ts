import type { Case } from '../../db/report/singled-out.ts';
import { counted, sampled, type Share } from './interval.ts';

/** How many users are looked at: the interval is then at most 6 of 100 wide. */
export const wantedCases = 1_000;

/** How many logins with the known traits may be compared: this bounds time and memory. */
const maxMatches = 20_000_000;

/**
 * As many of the cases, which are in random order, as can be compared: all of them, unless many users' logins have
 * the same traits. `matches` is how many logins have the traits of all cases.
 */
export function chooseCases(cases: readonly Case[], matches: number): Case[] {
  const fitting = matches <= maxMatches ? 1 : maxMatches / matches;
  return cases.slice(0, Math.max(1, Math.floor(cases.length * fitting)));
}

/**
 * In how many cases nobody else has the first k known logins, for k from 1 to 4. A user with fewer than k different
 * logins is not a case for k. `others` says how many of a user's known logins some other user has, too.
 */
export function countSingledOut(
  cases: readonly Case[],
  others: ReadonlyMap<string, number>,
  { users }: { users: number },
): Share[] {
  return [1, 2, 3, 4].map((k) => {
    const able = cases.filter(({ total }) => total >= k);
    const hits = able.filter(({ user }) => (others.get(user) ?? 0) < k).length;
    // with every user looked at, and no choice among their logins, nothing was left to chance
    const isExact = cases.length === users && able.every(({ total }) => total === k);
    return isExact ? counted(hits, able.length) : sampled(hits, able.length);
  });
}
