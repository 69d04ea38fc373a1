import { to as copyTo } from 'pg-copy-streams';
import type { QueryResultRow } from 'pg';

import { type Connection, type Statement, withoutParameters } from '../query.ts';

/**
 * Runs a statement of many rows, and calls `take` with the cells of each: only a part of the rows is
 * in memory at a time. The statement has no parameters, and its cells neither tabs nor backslashes;
 * null is null. Throws `DatabaseError`.
 */
export async function copyRows<Row extends QueryResultRow>(
  connection: Connection,
  { compiled }: Statement<Row>,
  take: (cells: (string | null)[]) => void,
): Promise<void> {
  await withoutParameters(async () => {
    // unlike a cursor, a copy may be planned for parallel workers
    const rows: AsyncIterable<Buffer> = connection.query(
      copyTo(`copy (${compiled().text}) to stdout`),
    );
    let rest = '';
    for await (const chunk of rows) {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        take(line.split('\t').map((cell) => (cell === '\\N' ? null : cell)));
      }
    }
  });
}
