import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { interruptible, withClient } from '../../../cli/database.ts';
import { statement } from '../../../db/query.ts';
import { copyRows } from '../../../db/report/copy-rows.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function copied(query: string, signal = new AbortController().signal) {
  const rows: (string | null)[][] = [];
  const config = {
    host: '127.0.0.1',
    port: database.port,
    database: database.name,
    user: 'vault_analyst',
    password: testPassword,
  };
  const work = statement<Record<string, never>>('copied', sql.raw(query));
  await withClient(interruptible(config, signal), (client) =>
    copyRows(client, work, (cells) => rows.push(cells)),
  );
  return rows;
}

describe('rows that are copied out', () => {
  it('come one by one, with nulls, also where a packet ends within a row', async () => {
    const rows = await copied(
      `select n, case when n % 2 = 0 then 'even' end from generate_series(1, 100000) as n`,
    );
    expect(rows).toHaveLength(100_000);
    expect(rows.slice(0, 2)).toEqual([
      ['1', null],
      ['2', 'even'],
    ]);
    expect(rows.at(-1)).toEqual(['100000', 'even']);
    expect(rows.every(([n], index) => n === String(index + 1))).toBe(true);
  });

  it('end with the state of an error, and show nothing of it', async () => {
    await expect(copied(`select 1 / (n - 5000) from generate_series(1, 9000) n`)).rejects.toThrow(
      /^the database answered 22012$/,
    );
  });

  it('end when a person interrupts', async () => {
    const controller = new AbortController();
    const copying = copied('select pg_sleep(600)', controller.signal);
    const failed = expect(copying).rejects.toThrow('the database');
    for (;;) {
      const { rows } = await database.admin.query<{ busy: boolean }>(
        `select exists (select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()) as busy`,
      );
      if (rows[0]!.busy) break;
    }
    controller.abort();
    await failed;
  });
});
