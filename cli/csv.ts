import { parse } from 'csv-parse/sync';

import { UserError } from './user-error.ts';

/** A record of a CSV, as it stands in the file. */
export interface CsvRecord {
  cells: readonly string[];
  /** Its bytes, with the end of the line. */
  raw: Uint8Array;
  /** The line of the file that it begins on, counted from 1. */
  line: number;
}

/** A CSV with a header. */
export interface Csv {
  header: CsvRecord;
  rows: CsvRecord[];
  delimiter: string;
  /** The position of the column that was asked for. */
  column: number;
}

/**
 * Reads a CSV in UTF-8 that has a column of this name. Cells are separated by commas, semicolons or
 * tabs: by the first of them that gives such a column. Throws `UserError`, which shows no cell.
 */
export function readCsv(bytes: Uint8Array, column: string): Csv {
  let fault: UserError | null = null;
  let names: readonly string[] = [];
  for (const delimiter of [',', ';', '\t']) {
    const found = records(bytes, delimiter);
    if (found instanceof UserError) {
      fault ??= found;
      continue;
    }
    const [header, ...rows] = found;
    if (header === undefined) continue;
    if (header.cells.length > names.length) names = header.cells;
    const position = header.cells.indexOf(column);
    if (position === -1) continue;
    if (header.cells.lastIndexOf(column) !== position) {
      throw new UserError(`The CSV has two columns ${column}.`);
    }
    return { header, rows, delimiter, column: position };
  }
  // a separator that gives several columns is the right one
  if (fault !== null && names.length < 2) throw fault;
  const isEmpty =
    Buffer.from(bytes)
      .toString('utf8')
      .replace(/^\uFEFF/, '')
      .trim() === '';
  throw new UserError(
    isEmpty
      ? 'The CSV is empty.'
      : `The CSV has no column ${column} in its first line. ${columnsThere(names)}`,
  );
}

/** The names of the columns, unless they may be the values of a CSV without a header. */
function columnsThere(names: readonly string[]): string {
  const isHeader = names.every((name) => /^\p{L}[\p{L}\p{N} _-]{0,63}$/u.test(name));
  return isHeader ? `It has: ${names.join(', ')}.` : 'Does it begin with a header?';
}

function records(bytes: Uint8Array, delimiter: string): CsvRecord[] | UserError {
  let parsed: { record: string[]; info: { bytes: number; lines: number } }[];
  try {
    parsed = parse(Buffer.from(bytes), {
      bom: true,
      delimiter,
      info: true,
      record_delimiter: ['\r\n', '\n'],
      relax_column_count_less: true,
    }) as unknown as typeof parsed;
  } catch (error) {
    // the message of csv-parse shows the cell
    const line: unknown = error instanceof Error ? Reflect.get(error, 'lines') : undefined;
    return new UserError(
      `The CSV cannot be read: see the quotes and cells of line ${String(line)}.`,
    );
  }
  let start = 0;
  let line = 1;
  return parsed.map(({ record, info }) => {
    const raw = bytes.subarray(start, info.bytes);
    const one = { cells: record, raw, line };
    start = info.bytes;
    // a record ends after its last line, which a line feed counts
    line += raw.filter((byte) => byte === 0x0a).length;
    return one;
  });
}

/**
 * The CSV with one column more, whose cells `cellOf` gives; everything else stays as it is, byte
 * for byte. Empty lines stay empty. Throws `UserError` where the column is there already.
 */
export function withColumn(
  { header, rows, delimiter }: Csv,
  name: string,
  cellOf: (row: CsvRecord) => string,
): Buffer {
  if (header.cells.includes(name)) {
    throw new UserError(`The CSV has a column ${name} already: give --new-column another name.`);
  }
  const parts = [extended(header, header.cells.length, delimiter, name)];
  for (const row of rows) {
    const isEmpty = row.cells.length === 1 && row.cells[0] === '' && header.cells.length > 1;
    parts.push(isEmpty ? row.raw : extended(row, header.cells.length, delimiter, cellOf(row)));
  }
  return Buffer.concat(parts);
}

function extended(
  { cells, raw }: CsvRecord,
  columns: number,
  delimiter: string,
  cell: string,
): Uint8Array {
  const bytes = Buffer.from(raw);
  const end = bytes.at(-1) !== 0x0a ? 0 : bytes.at(-2) === 0x0d ? 2 : 1;
  const text = bytes.subarray(0, bytes.length - end);
  // a row that is too short gets its cell under the new column all the same
  const gap = delimiter.repeat(Math.max(1, columns - cells.length + 1));
  return Buffer.concat([
    text,
    Buffer.from(gap + csvCell(cell, delimiter)),
    bytes.subarray(bytes.length - end),
  ]);
}

/** A cell as CSV. What a spreadsheet would run as a formula begins with an apostrophe. */
function csvCell(value: string, delimiter = ','): string {
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /["\r\n]/.test(text) || text.includes(delimiter)
    ? `"${text.replaceAll('"', '""')}"`
    : text;
}

/** A line of a CSV. */
export function csvLine(cells: readonly (string | number | null | undefined)[]): string {
  return `${cells.map((cell) => csvCell(String(cell ?? ''))).join(',')}\n`;
}
