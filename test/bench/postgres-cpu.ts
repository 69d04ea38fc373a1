import { readFile } from 'node:fs/promises';

import type { TestDatabase } from '../helpers/database.ts';

/** Milliseconds that all processes of this Postgres have computed, in steps of ten; null where there is no /proc. */
export async function postgresCpu({ admin }: Pick<TestDatabase, 'admin'>): Promise<number | null> {
  const { rows } = await admin.query<{ pid: number }>('select pid from pg_stat_activity');
  let ticks = 0;
  for (const { pid } of rows) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    if (stat === null) return null;
    // the fields after the name, which can hold spaces: user time and system time are the 12th and 13th
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}
