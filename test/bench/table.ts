import type { Spread } from './statistics.ts';

export interface Table {
  title: string;
  columns: string[];
  rows: (string | number)[][];
}

/** A standing figure of the design, and whether this run showed it. */
export interface Figure {
  what: string;
  must: string;
  measured: string;
  holds: boolean;
  /** Where the time goes, measured in the same run: the reason, where the figure misses. */
  profile?: Table;
}

/** What a part of the benchmark found: tables to print, and `data` for the file and the plots. */
export interface PartResult {
  tables: Table[];
  figures: Figure[];
  data: unknown;
}

/** Aligned with spaces: the first column to the left, numbers to the right. */
export function format({ title, columns, rows }: Table): string {
  const cells = [columns, ...rows.map((row) => row.map(String))];
  const widths = columns.map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  const lines = cells.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
  return `\n${title}\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
}

/** The standing figures as one table. */
export function figuresTable(figures: readonly Figure[]): Table {
  return {
    title: 'Standing figures',
    columns: ['what', 'must hold', 'measured', ''],
    rows: figures.map(({ what, must, measured, holds }) => [
      what,
      must,
      measured,
      holds ? 'holds' : 'MISSES',
    ]),
  };
}

/** Where the time goes, of each figure that misses. */
export function profileTables(figures: readonly Figure[]): Table[] {
  return figures.flatMap(({ what, holds, profile }) =>
    holds || profile === undefined
      ? []
      : [{ ...profile, title: `MISSES: ${what}. ${profile.title}` }],
  );
}

/** A number with separators of thousands, or with `digits` behind the point. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** `median (low–high)`. */
export function withSpread({ median, low, high }: Spread, digits = 0): string {
  return `${number(median, digits)} (${number(low, digits)}–${number(high, digits)})`;
}
