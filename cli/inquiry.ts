import { type Command, Option } from 'commander';

import type { VaultClient } from '../client/vault-client.ts';
import { maxPerRequest } from '../lib/requests/request.ts';
import { openAnswerFile, partOf } from './answer-file.ts';
import { askInChunks, type Asked } from './ask-in-chunks.ts';
import type { CommonOptions, Context, Outcome } from './command.ts';
import { csvLine, withColumn } from './csv.ts';
import type { CallerOptions } from './caller.ts';
import { type Input, type InputOptions, type Item, readInput } from './input.ts';
import { lineList, notToken } from './line-list.ts';
import { writePrivateFile } from './private-file.ts';
import { reachedLimit, stillReached } from './reached-limit.ts';
import { reasonOf } from './reason.ts';
import { findStage } from './stage.ts';
import { table } from './table.ts';
import { Cancelled, UserError } from './user-error.ts';
import { afterRetry, type Door, type Failure, openDoor } from './vault.ts';
import { visible, visibleJson } from './visible.ts';

/** Options of the commands that ask the vault about many tokens or values. */
export interface InquiryOptions extends CommonOptions, CallerOptions, InputOptions {
  format?: 'table' | 'csv' | 'json';
  out?: string;
  newColumn?: string;
  resume?: true;
}

/** What the vault answered about one token or value. */
export interface Answer {
  /** The value of a token, or the token of a value; null where there is none. */
  result: string | null;
  /** One word, such as `revealed` or `unknown`. */
  status: string;
  isFound: boolean;
}

/** What `reveal` and `tokenize` differ in. */
export interface Inquiry {
  door: Door;
  /** What goes in, and what comes out: the names of the columns. */
  asked: 'token' | 'value';
  result: 'token' | 'value';
  /** The end of the name of a CSV's new column. */
  columnSuffix: string;
  progress: string;
  /** 100 by default. */
  maxPerRequest?: number;
  /** What the vault is asked for, the same for equal values; null where the text is not valid. */
  keyOf: (text: string) => string | null;
  ask: (vault: VaultClient, keys: string[], reason: string) => Promise<Map<string, Answer>>;
}

/** Adds the options of `InquiryOptions`. */
export function addInquiryOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--format <format>', 'how to print the answers; a CSV stays one')
        .choices(['table', 'csv', 'json'])
        .conflicts('json'),
    )
    .option('--out <file>', 'write the answers to a new file that only you may read')
    .option('--new-column <name>', 'the name of the column that is added to a CSV')
    .option('--resume', 'go on with an --out that was not finished, and ask nothing twice');
}

/** Asks the vault, and prints or writes the answers in the order of the input. Throws `UserError`. */
export async function inquire(
  inquiry: Inquiry,
  options: InquiryOptions,
  { signal, ifCancelled }: Context,
  args: readonly string[],
): Promise<Outcome> {
  if (options.resume === true && options.out === undefined) {
    throw new UserError('--resume needs the --out of the run that was not finished.');
  }
  const stage = await findStage(options.stage);
  const input = await readInput(options, args, inquiry.asked === 'value');
  if (signal.aborted) throw new Cancelled();
  const keys = new Map(input.items.map((item) => [item, inquiry.keyOf(item.text)]));
  if (keys.size === 0) throw new UserError(`There is no ${inquiry.asked} to ask for.`);
  // before anything is asked: a column that is there already would spoil the work
  if (input.csv !== null) withColumn(input.csv, columnName(inquiry, options), () => '');
  const { vault, explain, who } = await openDoor(stage, inquiry.door, options);
  const { out } = options;
  const origin = JSON.stringify({ command: inquiry.door, stage: stage.name });
  const file =
    out === undefined ? null : await openAnswerFile<Answer>(out, origin, options.resume === true);
  let asked: Asked<Answer> | null = null;
  let isWritten = false;
  let isKept = (file?.known.size ?? 0) > 0;
  try {
    const valid = [...keys.values()].filter((key) => key !== null);
    const isOpen = valid.some((key) => file?.known.has(key) !== true);
    const reached = isOpen && file !== null ? await stillReached(file.limit, who) : null;
    const reason = isOpen ? await reasonOf(options) : '';
    asked = await askInChunks(
      valid,
      file?.known ?? new Map<string, Answer>(),
      (chunk) => inquiry.ask(vault, chunk, reason),
      async (answers) => file?.add(answers),
      {
        title: inquiry.progress,
        signal,
        wait: options.wait === true,
        reached,
        most: inquiry.maxPerRequest ?? maxPerRequest,
      },
    );
    const limit = file === null ? null : await reachedLimit(asked.stoppedBy, who);
    if (limit !== null) await file?.reach(limit);
    const isDone = asked.stoppedBy === null && !signal.aborted && asked.withheld.size === 0;
    const rows = input.items.map((item) => rowOf(item, keys.get(item) ?? null, asked!));
    if (out !== undefined && isDone) {
      await writePrivateFile(out, content(inquiry, options, input, rows));
      isWritten = true;
    }
    isKept = file !== null && !isWritten && (asked.answers.size > 0 || limit !== null);
    ifCancelled(() =>
      isKept ? `${partOf(out!)} keeps the answers: add --resume to go on.` : 'Nothing is kept.',
    );
    const failure = asked.stoppedBy === null ? null : await explain(asked.stoppedBy);
    return outcome(inquiry, options, input, rows, asked, failure, { isWritten, isKept });
  } finally {
    await file?.close(isKept);
  }
}

/** An item of the input with its answer. */
interface Row extends Item, Answer {}

function rowOf(item: Item, key: string | null, { answers, withheld }: Asked<Answer>): Row {
  const none = { result: null, isFound: false };
  if (key === null) return { ...item, ...none, status: 'malformed' };
  const answer = answers.get(key);
  if (answer !== undefined) return { ...item, ...answer };
  return { ...item, ...none, status: withheld.has(key) ? 'withheld' : 'not asked' };
}

function columnName({ columnSuffix }: Inquiry, { column, newColumn }: InquiryOptions): string {
  return newColumn ?? `${column}_${columnSuffix}`;
}

function formatOf({ format, json, out }: InquiryOptions, { csv }: Input): 'table' | 'csv' | 'json' {
  if (json === true) return 'json';
  return format ?? (csv !== null || out !== undefined ? 'csv' : 'table');
}

/** The answers as they are written to a file, or to standard output. */
function content(
  inquiry: Inquiry,
  options: InquiryOptions,
  input: Input,
  rows: readonly Row[],
): Buffer | string {
  const format = formatOf(options, input);
  if (format === 'csv' && input.csv !== null) {
    const byLine = new Map(rows.map(({ line, result }) => [line, result]));
    return withColumn(
      input.csv,
      columnName(inquiry, options),
      ({ line }) => byLine.get(line) ?? '',
    );
  }
  const shown = rows.map((row) => shownRow(inquiry, row));
  if (format === 'json') return `${visibleJson(shown)}\n`;
  if (format === 'csv') {
    const names = [inquiry.asked, inquiry.result, 'status'];
    return [names, ...shown.map((row) => names.map((name) => row[name]))].map(csvLine).join('');
  }
  return `${table(
    shown.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, value === null ? null : visible(value)]),
      ),
    ),
  )}\n`;
}

function shownRow(
  { asked, result }: Inquiry,
  { text, result: value, status }: Row,
): Record<string, string | null> {
  return { [asked]: text, [result]: value, status };
}

function outcome(
  inquiry: Inquiry,
  options: InquiryOptions,
  input: Input,
  rows: readonly Row[],
  asked: Asked<Answer>,
  failure: Failure | null,
  { isWritten, isKept }: { isWritten: boolean; isKept: boolean },
): Outcome {
  const { out } = options;
  const of = (status: string) => rows.filter((row) => row.status === status);
  const problems = [];
  const malformed = of('malformed');
  if (malformed.length > 0) {
    const what = inquiry.asked === 'token' ? notToken : 'not a valid value';
    problems.push(`${lineList(malformed, input.place)}: ${what}.`);
  }
  const missing = rows.filter(
    ({ status, isFound }) => !isFound && !['malformed', 'withheld', 'not asked'].includes(status),
  );
  for (const status of new Set(missing.map((row) => row.status))) {
    problems.push(
      `${lineList(
        missing.filter((row) => row.status === status),
        input.place,
      )}: ${status}.`,
    );
  }
  const withheld = of('withheld');
  if (withheld.length > 0) {
    problems.push(
      `${lineList(withheld, input.place)}: withheld, because a sealed value of the same request does not open.`,
    );
  }
  const left = of('not asked').length;
  if (failure !== null) problems.push(failure.message);
  if (left > 0) {
    problems.push(`Answered: ${rows.length - left} of ${rows.length}. Left: ${left}.`);
  }
  if (isKept) {
    const when = afterRetry(failure);
    problems.push(`${out} is not written. Run the same command with --resume to go on${when}.`);
  }
  const exitCode =
    failure?.exitCode ?? (withheld.length > 0 ? 2 : malformed.length + missing.length > 0 ? 1 : 0);
  const found = rows.filter(({ isFound }) => isFound).length;
  return {
    exitCode,
    text: print(inquiry, options, input, rows, asked, `Found ${found} of ${rows.length}`),
    problems,
    report: {
      stage: options.stage,
      found,
      missing: missing.length,
      malformed: malformed.length,
      left,
      ...(out === undefined
        ? { results: rows.map((row) => shownRow(inquiry, row)) }
        : { out: isWritten ? out : null }),
    },
  };
}

/** What goes to standard output; a CSV is written here, since it is bytes. */
function print(
  inquiry: Inquiry,
  options: InquiryOptions,
  input: Input,
  rows: readonly Row[],
  { answers }: Asked<Answer>,
  summary: string,
): string {
  if (options.out !== undefined) return `${summary}.`;
  if (options.json === true || (answers.size === 0 && input.csv === null)) return '';
  const bytes = content(inquiry, options, input, rows);
  const isShown = process.stdout.isTTY && formatOf(options, input) === 'csv';
  process.stdout.write(isShown ? bytes.toString().split('\n').map(visible).join('\n') : bytes);
  return '';
}
