import { type Command, Help, type Option } from 'commander';

import { DatabaseError, VaultError } from '../lib/errors.ts';
import { deadEmulator } from './dead-emulator.ts';
import { exitCodes } from './exit-codes.ts';
import { type Interruption, watchInterruption } from './interruption.ts';
import { Cancelled, messageOf, UserError } from './user-error.ts';

/** What a command has found or done. */
export interface Outcome {
  /** 0: all is well, 1: something is wrong, 2: it could not be done, 3: the vault refused. */
  exitCode: 0 | 1 | 2 | 3;
  /** For people, on standard output. */
  text: string;
  /** For people, on standard error. */
  problems?: readonly string[];
  /** For programs: what `--json` prints. Only that of `reveal` and `tokenize` holds plaintext. */
  report: Readonly<Record<string, unknown>>;
}

/** What each command is given besides its own options. */
export interface Context {
  /** Aborted when a person interrupts: the command comes to a good end then. */
  signal: AbortSignal;
  /** Sets what to say after an interruption: what was done, and how to go on. */
  ifCancelled: (hint: () => string) => void;
}

/** Options that all commands or many have. */
export interface CommonOptions {
  json?: true;
  stage: string;
  yes?: true;
  databaseVia?: string;
  databaseCa?: string;
}

const shared: Record<
  'stage' | 'yes' | 'database' | 'as' | 'url' | 'caller' | 'wait' | 'input',
  readonly [string, string, string?][]
> = {
  stage: [['--stage <name>', 'the deployed stage; local: the stack of npm start', 'local']],
  yes: [['--yes', 'do not ask before anything is changed']],
  database: [
    ['--database-via <host:port>', 'where a tunnel to the database begins: 127.0.0.1:5432'],
    ['--database-ca <file>', 'certificate authorities of the database, PEM'],
  ],
  as: [
    [
      '--as <person>',
      'on the local stage: investigator, privacy-officer, analyst, approver or on-call',
    ],
  ],
  url: [['--url <url>', 'the signed URL, where you may not read the outputs of the stack']],
  caller: [
    ['--url <url>', 'the signed URL, where you may not read the outputs of the stack'],
    ['--reason <text>', 'why, 10 to 500 characters; asked for where it is not given'],
  ],
  wait: [['--wait', 'where an hourly limit is reached, wait until it leaves room again']],
  input: [
    ['--file <path>', 'a file with one a line; -: standard input'],
    ['--csv <path>', 'a CSV in UTF-8 with a header; -: standard input'],
    ['--column <name>', 'the column of the CSV'],
  ],
};

/** Describes a command, with an example and the exit codes, and adds options that others have too. */
export function describe(
  command: Command,
  description: string,
  example: string,
  options: readonly (keyof typeof shared)[],
): Command {
  for (const option of options.flatMap((name) => shared[name])) command.option(...option);
  return (
    command
      // one paragraph, which commander wraps to the terminal's width
      .description(description.replaceAll(/(?<!\n)\n(?!\n)/g, ' '))
      .configureHelp({ optionDescription: describeOption })
      .option('--json', 'print the result as one JSON object')
      .addHelpText('after', `\nExample:\n  ${example}\n\n${exitCodes}`)
  );
}

/** Names a required option as such, and no default that means nothing was given. */
function describeOption(option: Option): string {
  const text = new Help().optionDescription(option).replace(/ \(default: (?:\[\]|\{\})\)$/, '');
  return option.mandatory ? `${text} (required)` : text;
}

const noHint = () => '';

/** What a command does with its options, the context, and its arguments. */
export type Work<Options> = (
  options: Options,
  context: Context,
  args: string[],
) => Promise<Outcome>;

/**
 * An action for commander: prints what `work` returns, and sets the exit code of the process. An
 * error that a person can fix is shown as its message only. Nothing of a message, a row or a value
 * is in it.
 */
export function action<Options extends Pick<CommonOptions, 'json'> & { stage?: string }>(
  work: Work<Options>,
): (this: Command) => Promise<void> {
  return async function () {
    const options = this.opts<Options>();
    const interruption = watchInterruption();
    let hint = noHint;
    const context = {
      signal: interruption.signal,
      ifCancelled: (text: () => string) => void (hint = text),
    };
    const json = options.json === true;
    const emulator = (problem: string) => deadEmulator(options.stage ?? 'local', problem);
    try {
      const outcome = await work(options, context, this.args);
      const problems = outcome.problems ?? [];
      const dead = await emulator(problems.join('\n'));
      const all = dead === null ? problems : [...problems, dead];
      show({ ...outcome, problems: all }, json, interruption);
    } catch (error) {
      if (!interruption.signal.aborted) {
        const message = isPlain(error) ? plain(error) : bug(error);
        const dead = await emulator(message);
        showErrors(dead === null ? [message] : [message, dead], json);
      }
    } finally {
      interruption.end();
    }
    if (interruption.signal.aborted) {
      console.error(`Cancelled. ${hint()}`.trim());
      process.exitCode = interruption.exitCode();
    }
  };
}

function isPlain(error: unknown): boolean {
  return error instanceof UserError || error instanceof VaultError || error instanceof Cancelled;
}

/** The message as a sentence, with what to look at where nothing answers at the database's address. */
function plain(error: unknown): string {
  const message = messageOf(error);
  if (!(error instanceof VaultError)) return message;
  const isAway =
    error instanceof DatabaseError && (error.state === null || /^E[A-Z]/.test(error.state));
  const end = isAway ? ': is it up, and does the way to it lead there?' : '.';
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.?!]$/.test(message) ? '' : end}`;
}

function show(
  { exitCode, text, problems = [], report }: Outcome,
  json: boolean,
  { signal }: Interruption,
): void {
  const cancelled = signal.aborted ? { cancelled: true } : {};
  if (json) console.log(JSON.stringify({ ...report, ...cancelled, problems }, null, 2));
  else if (text !== '') console.log(text);
  for (const problem of problems) console.error(problem);
  process.exitCode = exitCode;
}

function showErrors(problems: readonly string[], json: boolean): void {
  if (json) printProblems(problems);
  for (const problem of problems) console.error(problem);
  process.exitCode = 2;
}

/** What `--json` prints of a command that could not be done. */
export function printProblems(problems: readonly string[]): void {
  console.log(JSON.stringify({ problems }, null, 2));
}

/** Where a fault of this program is; the message of a foreign error could hold a value. */
function bug(error: unknown): string {
  const { name, stack = '' } = error instanceof Error ? error : new Error();
  const places = stack.split('\n').filter((line) => /^ +at /.test(line));
  return [
    `This is a fault of pii-vault (${name}). Please report it with these lines:`,
    ...places,
  ].join('\n');
}
