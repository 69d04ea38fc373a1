import type { GroupCount } from '../../db/report/groups.ts';
import type { Histogram } from '../../db/report/token-use.ts';
import { counted, type Share } from './interval.ts';

/** The middle and the largest of many counts. */
export interface Spread {
  median: number;
  max: number;
}

/** What equal tokens of one kind give away. */
export interface KindGiveAway {
  /** Logins with a token whose number of occurrences no other token has. */
  ownFrequency: Share;
  /** How often a guess is right that always names the most common value. */
  blindGuess: Share;
  /** What one revealed token stands for. */
  logins: Spread;
  users: Spread;
}

/** What the counts of logins and users for each token give away. */
export function giveAwayOf(byLogins: Histogram, byUsers: Histogram): KindGiveAway {
  let logins = 0;
  let own = 0;
  for (const [count, tokens] of byLogins) {
    logins += count * tokens;
    if (tokens === 1) own += count;
  }
  const spread = spreadOf(byLogins);
  return {
    ownFrequency: counted(own, logins),
    blindGuess: counted(spread.max, logins),
    logins: spread,
    users: spreadOf(byUsers),
  };
}

/** Median (the lower one of two) and maximum of the counts. */
export function spreadOf(histogram: Histogram): Spread {
  const counts = [...histogram].toSorted(([a], [b]) => a - b);
  const half = counts.reduce((sum, [, tokens]) => sum + tokens, 0) / 2;
  let seen = 0;
  const median = counts.find(([, tokens]) => (seen += tokens) >= half)?.[0] ?? 0;
  return { median, max: counts.at(-1)?.[0] ?? 0 };
}

/** Logins in groups of fewer than `users` users. */
export function loginsInGroupsBelow(groups: readonly GroupCount[], users: number): Share {
  return counted(loginsIn(groups.filter(({ from }) => from < users)), loginsIn(groups));
}

function loginsIn(groups: readonly GroupCount[]): number {
  return groups.reduce((sum, { logins }) => sum + logins, 0);
}
