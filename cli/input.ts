import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';

import { askLines, canAsk } from './ask.ts';
import { type Csv, readCsv } from './csv.ts';
import { fileProblem, UserError } from './user-error.ts';

/** Where tokens or values come from. */
export interface InputOptions {
  file?: string;
  csv?: string;
  column?: string;
}

/** A token or value as it was given. */
export interface Item {
  text: string;
  /** The line of the file, or the position of the argument, counted from 1. */
  line: number;
}

/** What was given; `csv` is null where it was not a CSV. */
export interface Input {
  items: Item[];
  /** What the lines of the items count. */
  place: 'Line' | 'Argument';
  csv: Csv | null;
}

/**
 * Reads tokens or values: from arguments, a file with one a line, a column of a CSV, or standard
 * input; `-` names standard input. Empty lines and cells are left out. Where nothing is named and a
 * person is there, asks for them, hidden where `isSecret`. Throws `UserError`.
 */
export async function readInput(
  { file, csv, column }: InputOptions,
  args: readonly string[],
  isSecret: boolean,
): Promise<Input> {
  if (isSecret && args.length > 0) {
    throw new UserError(
      'Values are not taken as arguments: every user of this machine can read those, and the shell ' +
        'keeps them. Pass values on standard input, with --file or with --csv.',
    );
  }
  const ways = [args.length > 0, file !== undefined, csv !== undefined].filter(Boolean).length;
  if (ways > 1) throw new UserError('Give arguments, --file or --csv, and only one of them.');
  if ((csv === undefined) !== (column === undefined)) {
    throw new UserError('--csv needs --column, and --column needs --csv.');
  }
  if (args.length > 0) {
    return { ...plain(args.map((text, index) => ({ text, line: index + 1 }))), place: 'Argument' };
  }
  if (csv !== undefined && column !== undefined) {
    const read = readCsv(await readBytes(csv), column);
    const items = read.rows.map(({ cells, line }) => ({ text: cells[read.column] ?? '', line }));
    return { items: items.filter(({ text }) => text.trim() !== ''), place: 'Line', csv: read };
  }
  if (file === undefined && canAsk()) return plain(await askFor(isSecret));
  const text = (await readBytes(file ?? '-')).toString('utf8').replace(/^\uFEFF/, '');
  return plain(
    text.split('\n').map((line, index) => ({ text: line.replace(/\r$/, ''), line: index + 1 })),
  );
}

function plain(items: Item[]): Input {
  return { items: items.filter(({ text }) => text.trim() !== ''), place: 'Line', csv: null };
}

async function askFor(isSecret: boolean): Promise<Item[]> {
  const question = isSecret ? 'Value (not shown; empty: no more): ' : 'Token (empty: no more): ';
  const lines = await askLines(question, isSecret);
  return lines.map((text, index) => ({ text, line: index + 1 }));
}

async function readBytes(path: string): Promise<Buffer> {
  if (path === '-' && canAsk()) throw new UserError('Standard input is a terminal.');
  const bytes = await (path === '-' ? buffer(process.stdin) : readFile(path)).catch(
    (error: unknown) => {
      throw new UserError(`${path} cannot be read: ${fileProblem(error)}.`);
    },
  );
  if (bytes[0] === 0xff && bytes[1] === 0xfe) {
    throw new UserError('The input is UTF-16: save it as UTF-8.');
  }
  return bytes;
}
