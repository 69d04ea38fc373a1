import { type Command, Option } from 'commander';

import {
  type ReasonTally,
  redrive,
  type RedriveReport,
  type Repair,
} from '../../lib/operations/redrive.ts';
import { createSqsClient, queueDepth, sendMessages } from '../../lib/sqs.ts';
import { fromAws } from '../aws.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { confirm } from '../confirm.ts';
import { deadLetterQueue, parallelRequests } from '../dead-letter-queue.ts';
import { showProgress } from '../progress.ts';
import { loadRepair } from '../repair.ts';
import { findStage } from '../stage.ts';
import { table } from '../table.ts';
import { visible } from '../visible.ts';

interface Options extends CommonOptions {
  send?: true;
  reason: string[];
  repair?: string;
}

const description = `Counts the messages in the dead-letter queue by reason and age, and sends nothing.
With --send, sends them to the login queue. Each keeps its identity, so it counts once, under its
first day.

Your AWS credentials need sqs:ReceiveMessage, sqs:ChangeMessageVisibility, sqs:DeleteMessage and
sqs:GetQueueAttributes on the dead-letter queue, and sqs:SendMessage on the login queue. Messages
are hidden from others while redrive looks at them; if it is killed, for 15 minutes.`;

const example = 'npx pii-vault redrive --stage prod --reason failed_too_often --send';

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'yes'])
    .option('--send', 'send the messages; without it, only count')
    .addOption(new Option('--dry-run', 'only count, as without --send').conflicts('send'))
    .option('--reason <code>', 'only messages with this reason; may be repeated', collect, [])
    .option(
      '--repair <file.mjs>',
      'a module whose default export is (body, { reason, raw }) => the repaired body, or null to ' +
        'leave the message; messages that ingest would reject are left too',
    )
    .action(action(run));
}

async function run(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  const repair = options.repair === undefined ? null : await loadRepair(options.repair);
  const stage = await findStage(options.stage);
  const queues = await stage.queues();
  const send = options.send === true;
  if (send && stage.local === null) {
    await confirm(`Send dead-letter messages of ${stage.name} to its login queue?`, options);
  }
  ifCancelled(() => 'Messages not sent are still in the dead-letter queue: run it again.');

  const client = createSqsClient(stage.aws);
  const depth = await fromAws('The dead-letter queue', queueDepth(client, queues.deadLetter));
  const progress = showProgress(send ? 'Sending' : 'Counting', depth);
  const startedAt = performance.now();
  const plan = {
    send,
    reasons: options.reason,
    repair,
    receivers: parallelRequests,
    isCancelled: () => signal.aborted,
  };
  const report = await fromAws(
    'The dead-letter queue',
    redrive(plan, {
      ...deadLetterQueue(client, queues.deadLetter),
      send: (messages) => sendMessages(client, queues.login, messages),
      now: () => new Date(),
      progress: progress.update,
    }),
  ).finally(progress.end);
  return outcome(report, plan, stage.name, (performance.now() - startedAt) / 1000);
}

function collect(value: string, values: string[]): string[] {
  return [...values, value];
}

function outcome(
  report: RedriveReport,
  plan: { send: boolean; reasons: readonly string[]; repair: Repair | null },
  stage: string,
  seconds: number,
): Outcome {
  const tallies = [...report.reasons].toSorted(([, a], [, b]) => b.found - a.found);
  const sum = (what: 'found' | 'sent' | 'refused' | 'notDeleted') =>
    tallies.reduce((total, [, tally]) => total + tally[what], 0);
  const [found, sent, refused, notDeleted] = [
    sum('found'),
    sum('sent'),
    sum('refused'),
    sum('notDeleted'),
  ];
  const meant = tallies.filter(
    ([reason]) => plan.reasons.length === 0 || plan.reasons.includes(reason),
  );
  const day = new Date().toISOString().slice(0, 10);
  const lines = [];
  if (found === 0) {
    lines.push(report.complete ? 'There are no dead-letter messages.' : 'No message was read.');
  }
  if (found > 0 && meant.length > 0) {
    lines.push(table(meant.map(([reason, tally]) => row(reason, tally, plan))));
  }
  if (plan.send) {
    const rate = `${Math.round(sent / Math.max(seconds, 0.001))}/s`;
    lines.push(
      `Sent ${sent} of ${messagesOf(found, 'dead-letter ')} to the login queue (${rate}).`,
    );
    if (sent > 0) lines.push(`For npx pii-vault reconcile: --redriven ${day}=${sent}`);
  } else if (meant.length > 0) lines.push('Nothing was sent. Add --send to send them.');
  if (plan.repair === null && meant.some(([reason]) => reason.startsWith('invalid_'))) {
    lines.push(
      'ingest rejects messages with invalid_… again as they are: repair them with --repair.',
    );
  }
  if (report.since > 0) {
    lines.push(
      `Left, because they came after this command began: ${messagesOf(report.since)}` +
        `${sent > 0 ? '. Those just sent that ingest rejected again are among them' : ''}.`,
    );
  }

  const problems = [];
  for (const reason of new Set(plan.reasons)) {
    if (found === 0 || !report.complete || report.reasons.has(reason)) continue;
    problems.push(`No message has the reason ${visible(reason)}.`);
  }
  if (refused > 0) problems.push(`SQS refused ${messagesOf(refused)}: still where they were.`);
  if (notDeleted > 0) {
    problems.push(`Sent but not deleted: ${messagesOf(notDeleted)}. Sent again, each counts once.`);
  }
  if (!report.complete) problems.push('Not all messages were seen: run it again for the rest.');
  return {
    exitCode: problems.length > 0 ? 1 : 0,
    text: lines.join('\n'),
    problems,
    report: {
      stage,
      send: plan.send,
      found,
      sent,
      refused,
      notDeleted,
      since: report.since,
      complete: report.complete,
      reasons: Object.fromEntries(tallies),
    },
  };
}

function messagesOf(count: number, what = ''): string {
  return `${count} ${what}message${count === 1 ? '' : 's'}`;
}

function row(
  reason: string,
  tally: ReasonTally,
  { send, repair }: { send: boolean; repair: Repair | null },
): Record<string, unknown> {
  const shown = {
    reason,
    messages: tally.found,
    '< 1 hour': tally.hour,
    '< 1 day': tally.day,
    '< 7 days': tally.week,
    older: tally.older,
    [send ? 'sent' : 'would send']: send ? tally.sent : tally.chosen,
  };
  return repair === null ? shown : { ...shown, 'not repaired': tally.unrepaired };
}
