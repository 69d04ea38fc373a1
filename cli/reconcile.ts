import { parseArgs } from 'node:util';
import { Pool } from 'pg';

import { countDays } from '../db/operations/count-days.ts';
import { reasonOf, sourceOfLetter, walkLetters } from '../lib/operations/dead-letters.ts';
import { reconcile, type ReconciledDay } from '../lib/operations/reconcile.ts';
import { sentDay } from '../lib/ingest/source-message.ts';
import { createSqsClient, queueDepth } from '../lib/sqs.ts';
import { letterQueue } from './dead-letter-queue.ts';
import { UserError } from './user-error.ts';
import { askedOfAws, main, parsed } from './main.ts';
import type { SqsClient } from '../scripts/local/queues.ts';
import { table } from './table.ts';
import { whereabouts } from './where.ts';

const usage = `npm run reconcile -- [--sent [DAY=]N]... [--redriven [DAY=]N]... [--alone-since DAY]

Compares, for each UTC day, the messages that were sent with what became of them:
sent = stored + dead letters + in flight; and the ledger with public.user_logins. Days are
YYYY-MM-DD; without one, today. How many were sent CloudWatch knows:

  aws cloudwatch get-metric-statistics --namespace AWS/SQS --metric-name NumberOfMessagesSent \\
    --dimensions Name=QueueName,Value=QUEUE --statistics Sum --period 86400 \\
    --start-time 2026-01-31T00:00:00Z --end-time 2026-02-01T00:00:00Z \\
    --query 'Datapoints[0].Sum'

--redriven is what npm run redrive said it sent that day: those count under their first day.
--alone-since: from that day on, only the vault writes to user_logins, and other rows are an error.
It reads DATABASE_URL (vault_migrator: the owner), LOGIN_QUEUE_URL and DEAD_LETTER_QUEUE_URL, or
else the local stack's. Exits with 1 when a day differs, with 2 when it could not compare.`;

// the ledger keeps as many days, and today: what is older is pruned
const daysBack = 15;
const dayMs = 24 * 60 * 60 * 1000;

interface Options {
  sent: Map<string, number>;
  redriven: Map<string, number>;
  aloneSince: string | null;
}

/** `npm run reconcile`. Returns the exit code. */
async function reconcileDays(): Promise<number> {
  const options = readOptions();
  const { variables, aws } = await whereabouts([
    'DATABASE_URL',
    'LOGIN_QUEUE_URL',
    'DEAD_LETTER_QUEUE_URL',
  ]);
  const sqs = createSqsClient(aws);
  const pool = new Pool({ connectionString: variables.DATABASE_URL, max: 1 });
  pool.on('error', () => undefined);
  try {
    // in the order a message goes, so that one on its way is seen twice rather than never
    const inFlight = await askedOfAws(
      'The login queue',
      queueDepth(sqs, variables.LOGIN_QUEUE_URL),
    );
    const letters = await countLetters(sqs, variables.DEAD_LETTER_QUEUE_URL);
    const database = await countDays(pool, daysBack);
    const days = reconcile({ ...options, database, inFlight, deadLetters: letters.days });
    return show(days, letters, inFlight);
  } finally {
    await pool.end();
  }
}

function readOptions(): Options {
  return parsed(() => {
    const { values } = parseArgs({
      options: {
        sent: { type: 'string', multiple: true },
        redriven: { type: 'string', multiple: true },
        'alone-since': { type: 'string' },
      },
    });
    const aloneSince = values['alone-since'] ?? null;
    if (aloneSince !== null && !isDay(aloneSince)) throw new UserError(`${aloneSince} is no day`);
    return { sent: byDay(values.sent), redriven: byDay(values.redriven), aloneSince };
  }, usage);
}

function byDay(counts: readonly string[] = []): Map<string, number> {
  const oldest = utcDay(Date.now() - daysBack * dayMs);
  return new Map(
    counts.map((text) => {
      const [, day = utcDay(Date.now()), count = ''] =
        /^(?:([\d-]+)=)?(\d{1,12})$/.exec(text) ?? [];
      if (count === '' || !isDay(day)) throw new UserError(`${text} is no [YYYY-MM-DD=]N`);
      if (day < oldest)
        throw new UserError(`The ledger of ${day} is pruned: the oldest is ${oldest}`);
      return [day, Number(count)];
    }),
  );
}

function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
}

function utcDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

interface Letters {
  days: Map<string, number>;
  reasons: Map<string, number>;
  complete: boolean;
}

async function countLetters(sqs: SqsClient, url: string): Promise<Letters> {
  const days = new Map<string, number>();
  const reasons = new Map<string, number>();
  const { complete } = await askedOfAws(
    'The dead-letter queue',
    walkLetters(letterQueue(sqs, url), async (page) => {
      for (const letter of page) {
        const day = sentDay(sourceOfLetter(letter));
        if (day !== null) days.set(day, (days.get(day) ?? 0) + 1);
        reasons.set(reasonOf(letter), (reasons.get(reasonOf(letter)) ?? 0) + 1);
      }
      return new Set();
    }),
  );
  return { days, reasons, complete };
}

function show(days: readonly ReconciledDay[], letters: Letters, inFlight: number): number {
  if (days.length === 0) console.log('There is nothing of these days.');
  else {
    console.log(
      table(
        days.map((day) => ({
          day: day.day,
          sent: day.sent,
          stored: day.stored,
          user_logins: day.logins,
          'before or elsewhere': day.elsewhere,
          'dead letters': day.deadLetters,
          'in flight': day.inFlight,
          '': day.problem ?? 'ok',
        })),
      ),
    );
  }
  const reasons = [...letters.reasons].map(([reason, count]) => `${count} ${reason}`).join(', ');
  console.log(`\nIn flight in the login queue: ${inFlight}. Dead letters: ${reasons || 'none'}.`);
  console.log(`Days before the last ${daysBack} are left out: their ledger is pruned.`);
  if (days.some(({ sent }) => sent === null)) {
    console.log(
      'Where sent is –, it was not given (--sent DAY=N), and only the tables are compared.',
    );
  }
  if (days.some(({ elsewhere }) => elsewhere > 0)) {
    console.log('user_logins holds rows from before the vault, or from elsewhere.');
  }
  if (!letters.complete)
    console.error('There are more dead letters than can be looked at at once.');
  const differ = days.filter(({ problem }) => problem !== null).map(({ day }) => day);
  if (differ.length > 0) console.error(`These days differ: ${differ.join(', ')}`);
  return differ.length > 0 || !letters.complete ? 1 : 0;
}

await main(reconcileDays);
