import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import {
  type ReasonTally,
  redrive,
  type RedriveReport,
  type Repair,
} from '../lib/operations/redrive.ts';
import { createSqsClient, sendMessages } from '../lib/sqs.ts';
import { letterQueue } from './dead-letter-queue.ts';
import { UserError, messageOf } from './user-error.ts';
import { askedOfAws, main, parsed } from './main.ts';
import { table } from './table.ts';
import { whereabouts } from './where.ts';

const usage = `npm run redrive -- [--send] [--reason CODE]... [--repair FILE.mjs]

Shows what lies in the dead-letter queue, by reason and age, and sends nothing. With --send, sends
the letters to the login queue, each still the message it was, so that it counts once. --reason
takes those of a reason alone. --repair names a module whose default export is a function
(body, { reason, raw }) => repaired body, or null to leave the letter; what would be rejected all
the same is left too.

It reads DEAD_LETTER_QUEUE_URL and LOGIN_QUEUE_URL, or else the local stack's, and works with the
caller's own AWS credentials, which need sqs:ReceiveMessage, sqs:ChangeMessageVisibility and
sqs:DeleteMessage on the first queue and sqs:SendMessage on the second. While it looks, the
letters are hidden from others; if it is killed, for 15 minutes.
Exits with 1 when a letter could not be sent or not all were seen, with 2 when it could not look.`;

interface Options {
  send: boolean;
  reasons: string[];
  repair: string | null;
}

/** `npm run redrive`. Returns the exit code. */
async function redriveLetters(): Promise<number> {
  const { send, reasons, repair } = readOptions();
  const { variables, aws } = await whereabouts(['DEAD_LETTER_QUEUE_URL', 'LOGIN_QUEUE_URL']);
  const client = createSqsClient(aws);
  const letters = letterQueue(client, variables.DEAD_LETTER_QUEUE_URL);
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);

  const plan = {
    send,
    reasons,
    repair: repair === null ? null : await loadRepair(repair),
    isBrokenOff: () => interrupted,
  };
  const report = await askedOfAws(
    'The dead-letter queue',
    redrive(plan, {
      ...letters,
      send: sendMessages.bind(null, client, variables.LOGIN_QUEUE_URL),
      now: () => new Date(),
    }),
  );
  return show(report, plan);
}

function readOptions(): Options {
  const { values } = parsed(
    () =>
      parseArgs({
        options: {
          send: { type: 'boolean' },
          reason: { type: 'string', multiple: true },
          repair: { type: 'string' },
        },
      }),
    usage,
  );
  return {
    send: values.send === true,
    reasons: values.reason ?? [],
    repair: values.repair ?? null,
  };
}

async function loadRepair(path: string): Promise<Repair> {
  let loaded: { default?: unknown };
  try {
    loaded = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown };
  } catch (error) {
    throw new UserError(`${path} cannot be loaded: ${messageOf(error)}`);
  }
  if (typeof loaded.default !== 'function') {
    throw new UserError(`${path} has no function as its default export`);
  }
  return loaded.default as Repair;
}

function show(report: RedriveReport, plan: { send: boolean; repair: Repair | null }): number {
  const tallies = [...report.reasons].toSorted(([, a], [, b]) => b.letters - a.letters);
  const total = sum(report, 'letters');
  if (total === 0) console.log('There are no dead letters.');
  else {
    console.log(table(tallies.map(([reason, tally]) => row(reason, tally, plan))));
  }
  const inBoth = sum(report, 'inBoth');
  const refused = sum(report, 'refused');
  if (plan.send) {
    const day = new Date().toISOString().slice(0, 10);
    console.log(`Sent ${sum(report, 'sent')} of ${total} letters to the login queue.`);
    console.log(`For npm run reconcile: --redriven ${day}=${sum(report, 'sent')}`);
  } else if (total > 0) console.log('Nothing was sent: --send sends what would be sent.');
  if (refused > 0) console.error(`SQS did not take ${refused} letters: they are where they were.`);
  if (inBoth > 0) {
    console.error(
      `${inBoth} letters were sent but not deleted: sent again, they still count once.`,
    );
  }
  if (report.since > 0) console.log(`${report.since} letters came since the start, and were left.`);
  if (!report.complete) console.error('Not all letters were seen: run it again for the rest.');
  return refused > 0 || inBoth > 0 || !report.complete ? 1 : 0;
}

function row(
  reason: string,
  tally: ReasonTally,
  { send, repair }: { send: boolean; repair: Repair | null },
): Record<string, unknown> {
  const shown = {
    reason,
    letters: tally.letters,
    '< 1 hour': tally.hour,
    '< 1 day': tally.day,
    '< 7 days': tally.week,
    older: tally.older,
    [send ? 'sent' : 'would send']: send ? tally.sent : tally.chosen,
  };
  return repair === null ? shown : { ...shown, 'not repaired': tally.unrepaired };
}

function sum({ reasons }: RedriveReport, what: 'letters' | 'sent' | 'refused' | 'inBoth'): number {
  return [...reasons.values()].reduce((total, tally) => total + tally[what], 0);
}

await main(redriveLetters);
