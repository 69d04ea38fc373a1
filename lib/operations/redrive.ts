import {
  type DeadLetterQueue,
  reasonOf,
  sourceOfDeadLetter,
  visitDeadLetters,
} from './dead-letters.ts';
import { parseLoginEvent } from '../ingest/login-event.ts';
import { sourceAttributes } from '../ingest/source-message.ts';
import type { OutgoingMessage, ReceivedMessage } from '../sqs.ts';
import { dayMs, hourMs } from '../time.ts';

/**
 * Changes a body into one that ingest accepts. `body` is the parsed JSON, or undefined where the
 * text is not JSON; `raw` is the text. Returns an object or a text to send instead, or null to
 * leave the message where it is.
 */
export type Repair = (body: unknown, message: { reason: string; raw: string }) => unknown;

/** What `redrive` works with. */
export interface RedriveDeps extends DeadLetterQueue {
  /** Sends to the login queue; returns the indexes of those that SQS refused. */
  send: (messages: OutgoingMessage[]) => Promise<number[]>;
  /** Deletes dead-letter messages; returns the indexes of those not deleted. */
  remove: (handles: readonly string[]) => Promise<number[]>;
  now: () => Date;
  /** Called after each page, with the number of messages seen so far. */
  progress?: (seen: number) => void;
}

export interface RedrivePlan {
  /** False: only count, send nothing. */
  send: boolean;
  /** Only messages with one of these reasons; empty means all. */
  reasons: readonly string[];
  repair: Repair | null;
  /** How many pages are worked on at the same time. */
  receivers?: number;
  /** Asked between pages: whether to stop here. */
  isCancelled?: () => boolean;
}

/** What happened to the dead-letter messages of one reason, or would happen. */
export interface ReasonTally {
  found: number;
  /** Messages by how long ago SQS received them. */
  hour: number;
  day: number;
  week: number;
  older: number;
  /** This plan sends them. */
  chosen: number;
  sent: number;
  /** Left because the repair returned null, failed, or made a body that ingest would reject. */
  unrepaired: number;
  /** Chosen, but SQS refused them. */
  refused: number;
  /** Sent but not deleted: in both queues, and counted once all the same. */
  notDeleted: number;
}

export interface RedriveReport {
  reasons: ReadonlyMap<string, ReasonTally>;
  /** Messages that came after the start: those just sent may be among them again. */
  since: number;
  complete: boolean;
}

const maxVainPages = 3;

/**
 * Counts the dead-letter messages and, if the plan says so, sends them to the login queue under
 * their own identity. A message is deleted only after SQS has accepted it: if the process ends in
 * between, the message is in both queues, and its identity makes it count once.
 */
export async function redrive(plan: RedrivePlan, deps: RedriveDeps): Promise<RedriveReport> {
  const startedAt = deps.now();
  const reasons = new Map<string, ReasonTally>();
  let seen = 0;
  let since = 0;
  let vainPages = 0;

  const { complete } = await visitDeadLetters(
    deps,
    async (page) => {
      // messages that were sent and rejected again would be sent without end
      const messages = page.filter(({ sentAt }) => sentAt <= startedAt);
      since += page.length - messages.length;
      const chosen: Chosen[] = [];
      for (const message of messages) {
        const tally = tallyOf(reasons, reasonOf(message));
        count(tally, startedAt.getTime() - message.sentAt.getTime());
        const found = await choose(message, plan, tally);
        if (found !== null) chosen.push(found);
      }
      let moved = new Set<string>();
      if (plan.send && chosen.length > 0) {
        moved = await move(chosen, deps);
        vainPages = chosen.some(({ accepted }) => accepted) ? 0 : vainPages + 1;
      }
      deps.progress?.((seen += page.length));
      return moved;
    },
    {
      receivers: plan.receivers ?? 1,
      isCancelled: () => vainPages >= maxVainPages || plan.isCancelled?.() === true,
    },
  );
  return { reasons, since, complete };
}

interface Chosen {
  message: ReceivedMessage;
  body: string;
  tally: ReasonTally;
  accepted: boolean;
}

async function choose(
  message: ReceivedMessage,
  { reasons, repair }: RedrivePlan,
  tally: ReasonTally,
): Promise<Chosen | null> {
  if (reasons.length > 0 && !reasons.includes(reasonOf(message))) return null;
  const body = repair === null ? message.body : await repaired(message, repair);
  if (body === null) {
    tally.unrepaired += 1;
    return null;
  }
  tally.chosen += 1;
  return { message, body, tally, accepted: false };
}

/** Null: the message stays as it is. */
async function repaired(message: ReceivedMessage, repair: Repair): Promise<string | null> {
  let result: unknown;
  try {
    result = await repair(parse(message.body), { reason: reasonOf(message), raw: message.body });
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

/** Returns the ids of the messages that are no longer in the dead-letter queue. */
async function move(chosen: Chosen[], deps: RedriveDeps): Promise<Set<string>> {
  const outgoing = chosen.map(({ message, body }) => ({
    body,
    attributes: sourceAttributes(sourceOfDeadLetter(message)),
  }));
  const refused = new Set(await deps.send(outgoing));
  for (const [index, one] of chosen.entries()) {
    one.accepted = !refused.has(index);
    one.tally[one.accepted ? 'sent' : 'refused'] += 1;
  }
  const accepted = chosen.filter((one) => one.accepted);
  const handles = accepted.map(({ message }) => message.receiptHandle);
  const notDeleted = new Set(await deps.remove(handles));
  for (const index of notDeleted) accepted[index]!.tally.notDeleted += 1;
  const deleted = accepted.filter((_, index) => !notDeleted.has(index));
  return new Set(deleted.map(({ message }) => message.messageId));
}

function tallyOf(reasons: Map<string, ReasonTally>, reason: string): ReasonTally {
  const tally = reasons.get(reason) ?? {
    found: 0,
    hour: 0,
    day: 0,
    week: 0,
    older: 0,
    chosen: 0,
    sent: 0,
    unrepaired: 0,
    refused: 0,
    notDeleted: 0,
  };
  reasons.set(reason, tally);
  return tally;
}

function count(tally: ReasonTally, ageMs: number): void {
  tally.found += 1;
  if (ageMs < hourMs) tally.hour += 1;
  else if (ageMs < dayMs) tally.day += 1;
  else if (ageMs < 7 * dayMs) tally.week += 1;
  else tally.older += 1;
}
