import { type DeadLetterQueue, reasonOf, sourceOfLetter, walkLetters } from './dead-letters.ts';
import { parseLoginEvent } from '../ingest/login-event.ts';
import { sourceAttributes } from '../ingest/source-message.ts';
import type { OutgoingMessage, ReceivedMessage } from '../sqs.ts';

/**
 * Makes a letter's body one that ingest takes. `body` is the parsed JSON, undefined where it is
 * none; `raw` is the text. Returns an object or a text to send instead, or null to leave it.
 */
export type Repair = (body: unknown, letter: { reason: string; raw: string }) => unknown;

/** What `redrive` works with. */
export interface RedriveParts extends DeadLetterQueue {
  /** Sends to the login queue; returns the indexes of those not taken. */
  send: (messages: OutgoingMessage[]) => Promise<number[]>;
  /** Deletes letters; returns the indexes of those not deleted. */
  remove: (handles: readonly string[]) => Promise<number[]>;
  now: () => Date;
}

export interface RedrivePlan {
  /** False: look and send nothing. */
  send: boolean;
  /** Only letters with one of these reasons; empty stands for all. */
  reasons: readonly string[];
  repair: Repair | null;
  /** Asked between pages: whether to stop here. */
  isBrokenOff?: () => boolean;
}

/** What became of the letters of one reason, or what would. */
export interface ReasonTally {
  letters: number;
  /** Letters by how long they have been there. */
  hour: number;
  day: number;
  week: number;
  older: number;
  /** To be sent by this plan. */
  chosen: number;
  sent: number;
  /** Left because the repair returned null, failed, or made a body that would be rejected again. */
  unrepaired: number;
  /** Chosen, but SQS did not take it. */
  refused: number;
  /** Sent, but not deleted: in both queues, and counted once all the same. */
  inBoth: number;
}

export interface RedriveReport {
  reasons: ReadonlyMap<string, ReasonTally>;
  /** Letters that came after the start: those sent may be among them again. */
  since: number;
  complete: boolean;
}

const hourMs = 60 * 60 * 1000;
const mostVainPages = 3;

/**
 * Looks at the dead letters and, if the plan says so, sends them to the login queue under their
 * own identity. A letter is deleted only once SQS took it again: broken off in between, a message
 * is in both queues, and its identity lets it count once.
 */
export async function redrive(plan: RedrivePlan, parts: RedriveParts): Promise<RedriveReport> {
  const startedAt = parts.now();
  const reasons = new Map<string, ReasonTally>();
  let since = 0;
  let vainPages = 0;

  const { complete } = await walkLetters(
    parts,
    async (page) => {
      // what was sent and rejected again would be sent without end
      const letters = page.filter(({ sentAt }) => sentAt <= startedAt);
      since += page.length - letters.length;
      const chosen: Chosen[] = [];
      for (const letter of letters) {
        const tally = tallyOf(reasons, reasonOf(letter));
        count(tally, startedAt.getTime() - letter.sentAt.getTime());
        const found = await choose(letter, plan, tally);
        if (found !== null) chosen.push(found);
      }
      if (!plan.send || chosen.length === 0) return new Set<string>();

      const gone = await move(chosen, parts);
      vainPages = chosen.some(({ taken }) => taken) ? 0 : vainPages + 1;
      return gone;
    },
    () => vainPages === mostVainPages || plan.isBrokenOff?.() === true,
  );
  return { reasons, since, complete };
}

interface Chosen {
  letter: ReceivedMessage;
  body: string;
  tally: ReasonTally;
  taken: boolean;
}

async function choose(
  letter: ReceivedMessage,
  { reasons, repair }: RedrivePlan,
  tally: ReasonTally,
): Promise<Chosen | null> {
  if (reasons.length > 0 && !reasons.includes(reasonOf(letter))) return null;
  const body = repair === null ? letter.body : await repaired(letter, repair);
  if (body === null) {
    tally.unrepaired += 1;
    return null;
  }
  tally.chosen += 1;
  return { letter, body, tally, taken: false };
}

/** Null: the letter stays as it is. */
async function repaired(letter: ReceivedMessage, repair: Repair): Promise<string | null> {
  let result: unknown;
  try {
    const text = { reason: reasonOf(letter), raw: letter.body };
    result = await repair(parse(letter.body), text);
  } catch {
    return null;
  }
  if (result === null || result === undefined) return null;
  const body = typeof result === 'string' ? result : JSON.stringify(result);
  return 'rejected' in parseLoginEvent(body) ? null : body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the ids of the letters that are in the dead-letter queue no more. */
async function move(chosen: Chosen[], parts: RedriveParts): Promise<Set<string>> {
  const refused = new Set(
    await parts.send(
      chosen.map(({ letter, body }) => ({
        body,
        attributes: sourceAttributes(sourceOfLetter(letter)),
      })),
    ),
  );
  for (const [index, one] of chosen.entries()) {
    one.taken = !refused.has(index);
    one.tally[one.taken ? 'sent' : 'refused'] += 1;
  }
  const taken = chosen.filter((one) => one.taken);
  const kept = new Set(await parts.remove(taken.map(({ letter }) => letter.receiptHandle)));
  for (const index of kept) taken[index]!.tally.inBoth += 1;
  return new Set(
    taken.filter((_, index) => !kept.has(index)).map(({ letter }) => letter.messageId),
  );
}

function tallyOf(reasons: Map<string, ReasonTally>, reason: string): ReasonTally {
  const tally = reasons.get(reason) ?? {
    letters: 0,
    hour: 0,
    day: 0,
    week: 0,
    older: 0,
    chosen: 0,
    sent: 0,
    unrepaired: 0,
    refused: 0,
    inBoth: 0,
  };
  reasons.set(reason, tally);
  return tally;
}

function count(tally: ReasonTally, ageMs: number): void {
  tally.letters += 1;
  if (ageMs < hourMs) tally.hour += 1;
  else if (ageMs < 24 * hourMs) tally.day += 1;
  else if (ageMs < 7 * 24 * hourMs) tally.week += 1;
  else tally.older += 1;
}
