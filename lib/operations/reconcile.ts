/** What the database has for a UTC day, `YYYY-MM-DD`. */
export interface DayCounts {
  day: string;
  /** Messages in the ledger. */
  stored: number;
  /** Rows of `user_logins`. */
  logins: number;
}

export interface Counts {
  database: readonly DayCounts[];
  /** Messages in the dead-letter queue, by the day on which SQS received the message. */
  deadLetters: ReadonlyMap<string, number>;
  /** About how many messages the login queue holds, of whatever day. */
  inFlight: number;
  /** Messages that SQS received on a day, as its metric counts them; a day may be missing. */
  sent: ReadonlyMap<string, number>;
  /** Those of them that `redrive` sent: they belong to the day they were first sent on. */
  redriven: ReadonlyMap<string, number>;
  /** From this day on, only the vault writes to `user_logins`; null: others may write too. */
  onlyVaultSince: string | null;
}

/** A day, and what is wrong with it; a number is null if it is not known. */
export interface ReconciledDay {
  day: string;
  sent: number | null;
  stored: number;
  logins: number;
  /** Rows of `user_logins` that the vault did not write: from before it, or from elsewhere. */
  elsewhere: number;
  deadLetters: number;
  inFlight: number | null;
  problem: string | null;
}

/**
 * Compares, day by day, the messages that SQS received with where they are now: sent = stored + dead
 * letters + in flight, where messages in flight are counted for the newest days that lack some; and
 * the ledger with `user_logins`. A message that was delivered twice is in the ledger once.
 */
export function reconcile(counts: Counts): ReconciledDay[] {
  const database = new Map(counts.database.map((found) => [found.day, found]));
  const days = new Set([...database.keys(), ...counts.deadLetters.keys(), ...counts.sent.keys()]);
  let inFlight = counts.inFlight;

  return [...days]
    .toSorted()
    .toReversed()
    .map((day) => {
      const { stored = 0, logins = 0 } = database.get(day) ?? {};
      const deadLetters = counts.deadLetters.get(day) ?? 0;
      const sent = sentOn(day, counts);
      const missing = sent === null ? 0 : sent - stored - deadLetters;
      const explained = Math.max(0, Math.min(missing, inFlight));
      inFlight -= explained;
      const elsewhere = Math.max(0, logins - stored);
      const isOnly = counts.onlyVaultSince !== null && day >= counts.onlyVaultSince;
      return {
        day,
        sent,
        stored,
        logins,
        elsewhere,
        deadLetters,
        inFlight: sent === null ? null : explained,
        problem: problemOf(missing - explained, stored - logins, isOnly ? elsewhere : 0),
      };
    })
    .toReversed();
}

function sentOn(day: string, { sent, redriven }: Counts): number | null {
  const taken = sent.get(day);
  return taken === undefined ? null : taken - (redriven.get(day) ?? 0);
}

function problemOf(missing: number, lost: number, foreign: number): string | null {
  const problems = [
    lost > 0 ? `${lost} in the ledger but not in user_logins` : '',
    foreign > 0 ? `${foreign} in user_logins but not in the ledger` : '',
    missing > 0 ? `${missing} sent but nowhere` : '',
    missing < 0 ? `${-missing} more than were sent` : '',
  ].filter(Boolean);
  return problems.length === 0 ? null : problems.join('; ');
}
