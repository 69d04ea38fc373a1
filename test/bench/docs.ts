import { readFile, writeFile } from 'node:fs/promises';

import type { Table } from './table.ts';

/**
 * Puts the tables in their places in the page: between `<!-- bench:NAME -->` and `<!-- bench:end -->`. Places that have
 * no tables here stay as they are. Returns the names of those that were written.
 */
export async function writeTables(
  page: URL,
  tables: ReadonlyMap<string, readonly Table[]>,
): Promise<string[]> {
  const written: string[] = [];
  const before = await readFile(page, 'utf8');
  const after = before.replaceAll(
    /<!-- bench:([a-z]+) -->\n[^]*?<!-- bench:end -->/g,
    (place, name: string) => {
      const found = tables.get(name);
      if (found === undefined) return place;
      written.push(name);
      return `<!-- bench:${name} -->\n\n${found.map(markdown).join('\n')}\n<!-- bench:end -->`;
    },
  );
  await writeFile(page, after);
  return written;
}

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

function markdown({ title, columns, rows }: Table): string {
  const lines = [line(columns), line(columns.map(() => '---')), ...rows.map(line)];
  return `${title}:\n\n${lines.join('\n')}\n`;
}
