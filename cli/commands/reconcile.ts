import { type Command, InvalidArgumentError } from 'commander';

import { countDays, countImpossibleDays } from '../../db/operations/count-days.ts';
import { lastRotation } from '../../db/operations/last-rotation.ts';
import { reconcile, type ReconciledDay } from '../../lib/operations/reconcile.ts';
import { createSqsClient, queueDepth } from '../../lib/sqs.ts';
import { fromAws } from '../aws.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { interruptible, withPool } from '../database.ts';
import { countDeadLetters, type DeadLetterCounts } from '../count-dead-letters.ts';
import { databaseConfig } from '../login.ts';
import { showProgress } from '../progress.ts';
import { underWay } from '../rotation-plan.ts';
import { findStage } from '../stage.ts';
import { table } from '../table.ts';
import { dayMs } from '../../lib/time.ts';

interface Options extends CommonOptions {
  sent: Map<string, number>;
  redriven: Map<string, number>;
  onlyVaultSince?: string;
}

const description = `Compares, for each UTC day, the messages that were sent with what became of them:
sent = stored + dead letters + in flight. Also compares the ledger with public.user_logins. Days are
YYYY-MM-DD; without a day, today is meant. Logs in as vault_migrator, who owns the tables.

CloudWatch knows how many messages were sent on a day: metric NumberOfMessagesSent of AWS/SQS, the
sum over 86400 seconds, for the login queue (docs/operations.md has the command).`;

const example = 'npx pii-vault reconcile --stage prod --sent 2026-01-31=1200000';

// the ledger keeps these days, and today: what is older is pruned
const daysBack = 15;

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'database'])
    .option('--sent <[day=]n>', 'messages sent on a day; may be repeated', addDay, new Map())
    .option('--redriven <[day=]n>', 'those that redrive sent; may be repeated', addDay, new Map())
    .option('--only-vault-since <day>', 'other rows of user_logins since then are wrong', parseDay)
    .action(action(run));
}

async function run(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  ifCancelled(() => 'Nothing was changed: reconcile only reads.');
  const stage = await findStage(options.stage);
  const queues = await stage.queues();
  const sqs = createSqsClient(stage.aws);
  const config = await databaseConfig(stage, 'vault_migrator', options);
  // in the order a message goes, so that one on its way is seen twice rather than never
  const inFlight = await fromAws('The login queue', queueDepth(sqs, queues.login));
  const deadLetters = await countDeadLetters(sqs, queues.deadLetter, signal);
  const progress = showProgress('Counting rows of the database', null);
  const { database, impossible, rotation } = await withPool(
    interruptible(config, signal),
    async (pool) => ({
      database: await countDays(pool, daysBack),
      impossible: await countImpossibleDays(pool),
      rotation: await lastRotation(pool),
    }),
  ).finally(progress.end);
  const days = reconcile({
    database,
    inFlight,
    deadLetters: deadLetters.days,
    sent: options.sent,
    redriven: options.redriven,
    onlyVaultSince: options.onlyVaultSince ?? null,
  });
  return outcome(stage.name, days, deadLetters, inFlight, impossible, underWay(rotation));
}

function addDay(text: string, counts: Map<string, number>): Map<string, number> {
  const today = utcDay(Date.now());
  const [, day = today, count = ''] = /^(?:([\d-]+)=)?(\d{1,12})$/.exec(text) ?? [];
  if (count === '') throw new InvalidArgumentError('It is not [YYYY-MM-DD=]N.');
  const oldest = utcDay(Date.now() - daysBack * dayMs);
  if (parseDay(day) < oldest) {
    throw new InvalidArgumentError(`The ledger of ${day} is pruned: the oldest is ${oldest}.`);
  }
  return new Map(counts).set(day, Number(count));
}

function parseDay(text: string): string {
  if (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError('It is not a day, YYYY-MM-DD.');
}

function utcDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function outcome(
  stage: string,
  days: readonly ReconciledDay[],
  deadLetters: DeadLetterCounts,
  inFlight: number,
  impossible: number,
  rotation: string | null,
): Outcome {
  const reasons = [...deadLetters.reasons].map(([reason, count]) => `${count} ${reason}`);
  const lines = [
    days.length === 0 ? 'Nothing was found of these days.' : table(days.map(row)),
    '',
    `In flight in the login queue: ${inFlight}. Dead letters: ${reasons.join(', ') || 'none'}.`,
    `Days before the last ${daysBack} are left out: their ledger is pruned.`,
  ];
  if (rotation !== null) lines.push(rotation);
  if (days.some(({ sent }) => sent === null)) {
    lines.push('Where sent is –, it was not given (--sent DAY=N): only the tables are compared.');
  }
  if (days.some(({ elsewhere }) => elsewhere > 0)) {
    lines.push('user_logins holds rows from before the vault, or from elsewhere.');
  }
  const differ = days.filter(({ problem }) => problem !== null).map(({ day }) => day);
  const problems = [];
  if (!deadLetters.complete) {
    problems.push('There are more dead-letter messages than can be looked at at once.');
  }
  if (impossible > 0) {
    const messages = impossible === 1 ? 'message' : 'messages';
    problems.push(`The ledger has ${impossible} ${messages} with an impossible day.`);
  }
  if (differ.length > 0) problems.push(`These days differ: ${differ.join(', ')}`);
  return {
    exitCode: problems.length > 0 ? 1 : 0,
    text: lines.join('\n'),
    problems,
    report: {
      stage,
      days,
      inFlight,
      deadLetters: Object.fromEntries(deadLetters.reasons),
      complete: deadLetters.complete,
      differ,
      impossible,
      rotation,
    },
  };
}

function row(day: ReconciledDay): Record<string, unknown> {
  return {
    day: day.day,
    sent: day.sent,
    stored: day.stored,
    user_logins: day.logins,
    'before or elsewhere': day.elsewhere,
    'dead letters': day.deadLetters,
    'in flight': day.inFlight,
    '': day.problem ?? 'ok',
  };
}
