import { type LoginsData } from './data.ts';
import { giveAwayOf, loginsInGroupsBelow } from './give-away.ts';
import type { Share } from './interval.ts';
import { kindNames } from './kinds.ts';
import { count, outOf100, percentage, whole } from './numbers.ts';

/** One thing that the masked data gives away. */
export interface Sentence {
  /** The number that matters, such as `87 of 100`. */
  number: string;
  text: string;
  /** How it was measured. */
  note: string;
}

/** What the masked data gives away, in words. Empty where there is no login. */
export function sentencesOf(logins: LoginsData): Sentence[] {
  if (logins.overview.users === 0) return [];
  return [
    ...logins.singledOut.flatMap((share, place) => singledOut(share, place + 1, logins)),
    groups(logins),
    ...logins.kinds.flatMap((kind) => {
      const { ownFrequency, blindGuess, ...opened } = giveAwayOf(
        kind.use.byLogins,
        kind.use.byUsers,
      );
      if (ownFrequency.of === 0) return [];
      const { one, many } = kindNames[kind.kind];
      const times = Math.round(blindGuess.of / blindGuess.hits);
      return [
        {
          number: `${hundredth(ownFrequency)} of 100`,
          text: `logins have a token of ${article(one)} whose number of occurrences no other token has. Anyone who knows how often each ${one} logs in knows which token it is.`,
          note: `${whole(ownFrequency.hits)} of ${count(ownFrequency.of, 'login')} with ${article(one)}.`,
        },
        {
          number: times <= 1 ? 'always' : `1 in ${whole(times)}`,
          text: `blind guesses at the ${one} of a login is right, if the guess is always the most common one.`,
          note: `The most common token is in ${whole(blindGuess.hits)} of ${count(blindGuess.of, 'login')}.`,
        },
        {
          number: count(opened.logins.median, 'login'),
          text: `and ${count(opened.users.median, 'user')}: one revealed token of ${article(one)} stands for so many, at the median. At most it is ${count(opened.logins.max, 'login')}, and ${count(opened.users.max, 'user')}.`,
          note: `Counted over all ${many}.`,
        },
      ];
    }),
    clusters(logins),
  ];
}

function singledOut(share: Share, k: number, { overview }: LoginsData): Sentence[] {
  if (share.of === 0) return [];
  const known = k === 1 ? 'one login' : `${k} different logins`;
  const who = k === 1 ? 'users' : `users with ${k} different logins or more`;
  const interval =
    share.low === share.high
      ? 'Counted for all of them.'
      : `With 95 % confidence between ${percentage(share.low)} and ${percentage(share.high)}; measured on ${whole(share.of)} random ${who}, among ${count(overview.users, 'user')}.`;
  return [
    {
      number: `${hundredth(share)} of 100`,
      text: `users are singled out by anyone who knows ${known} of theirs: day, type of device, app version and locale.`,
      note:
        share.low === share.high
          ? `${interval.slice(0, -1)}: ${whole(share.of)} ${who}.`
          : interval,
    },
  ];
}

function groups({ groups: found }: LoginsData): Sentence {
  const only = loginsInGroupsBelow(found, 2);
  const few = loginsInGroupsBelow(found, 5);
  const single = found.find(({ from }) => from === 1)?.groups ?? 0;
  return {
    number: `${hundredth(only)} of 100`,
    text: `logins are the only user's of that day with this type of device, locale and app version. In groups of fewer than 5 users are ${outOf100(few)} of 100.`,
    note: `${count(single, 'group')} of ${whole(found.reduce((sum, each) => sum + each.groups, 0))} ${single === 1 ? 'has' : 'have'} a single user.`,
  };
}

function clusters({ clusters: all, kinds, overview }: LoginsData): Sentence {
  const each = kinds.map(
    ({ kind, clusters: own }) => `by ${kindNames[kind].many} only: ${whole(own.largest)}`,
  );
  return {
    number: count(all.largest, 'user'),
    text:
      all.largest === 0
        ? 'are linked: no two users share a token.'
        : 'are in the largest cluster that shared tokens link, directly or through others.',
    note: `${whole(all.linked)} of ${count(overview.users, 'user')} share a token with another. The largest cluster ${each.join('; ')}.`,
  };
}

/** As a sentence begins. */
function hundredth(share: Share): string {
  return outOf100(share).replace(/^[a-z]/, (letter) => letter.toUpperCase());
}

function article(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? 'an' : 'a'} ${noun}`;
}
