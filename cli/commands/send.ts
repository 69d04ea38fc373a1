import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { type Command, InvalidArgumentError } from 'commander';

import { createSqsClient } from '../../lib/sqs.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { confirm } from '../confirm.ts';
import { sendLines, type Sending } from '../send-lines.ts';
import { findStage } from '../stage.ts';
import { fileProblem, UserError } from '../user-error.ts';

interface Options extends CommonOptions {
  fromLine: number;
}

const description = `Sends login events to the stage's queue: the lines of a file, or of standard input
without one. Each line is a JSON message and is sent as it stands; empty lines are left out. No
message is ever printed. Your AWS credentials need sqs:SendMessage on the login queue.`;

// more numbers than a person reads
const maxNamed = 20;

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault send logins.jsonl --stage prod', ['stage', 'yes'])
    .argument('[file]', 'one JSON message a line; - or nothing: standard input')
    .option('--from-line <n>', 'leave out the lines before this one', parseLine, 1)
    .action(action(run));
}

async function run(
  options: Options,
  { signal, ifCancelled }: Context,
  [path = '-']: string[],
): Promise<Outcome> {
  const isInput = path === '-';
  if (isInput && process.stdin.isTTY) {
    throw new UserError('Name a file, or pass messages on standard input.');
  }
  const stage = await findStage(options.stage);
  const { login } = await stage.queues();
  if (stage.local === null) {
    const what = isInput ? 'standard input' : path;
    await confirm(`Send ${what} to the login queue of ${stage.name}?`, options);
  }
  const lines = isInput ? process.stdin : await openFile(path);
  signal.addEventListener('abort', () => lines.destroy(), { once: true });
  const sending = await sendLines(
    createSqsClient(stage.aws),
    login,
    lines,
    options.fromLine,
    signal,
  );
  ifCancelled(() => `To go on after the lines that were read: --from-line ${sending.last + 1}`);
  return outcome(stage.name, sending, signal.aborted);
}

async function openFile(path: string): Promise<Readable> {
  const stream = createReadStream(path);
  try {
    await once(stream, 'open');
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${fileProblem(error)}.`);
  }
  return stream;
}

function parseLine(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('It is not a line number.');
}

function messagesOf(count: number): string {
  return `${count} message${count === 1 ? '' : 's'}`;
}

function outcome(
  stage: string,
  { sent, refused, problem, last }: Sending,
  cancelled: boolean,
): Outcome {
  const problems = [];
  if (refused.length > 0) {
    const named = refused.slice(0, maxNamed).join(', ');
    const more = refused.length > maxNamed ? ` and ${refused.length - maxNamed} more` : '';
    const lines = refused.length === 1 ? 'of line' : 'of these lines:';
    const what = problem === null ? 'SQS refused' : 'Not sent:';
    problems.push(`${what} ${messagesOf(refused.length)}, ${lines} ${named}${more}.`);
  }
  const isVain = sent === 0 && refused.length > 0;
  if (problem !== null) {
    problems.push(
      `The login queue: ${problem}.`,
      isVain
        ? 'Nothing was sent. When the queue answers, run the same command again.'
        : 'When the queue answers, send these lines again: --json names them all.',
    );
  }
  return {
    exitCode: problems.length === 0 ? 0 : isVain && problem !== null ? 2 : 1,
    text: `Sent ${messagesOf(sent)}${cancelled ? `, of the lines up to ${last}` : ''}.`,
    problems,
    report: { stage, sent, refused, lastLine: last },
  };
}
