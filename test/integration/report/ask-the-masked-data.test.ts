import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { migrate } from '../../../db/migrate/migrate.ts';
import { piiFields } from '../../../lib/pii-fields.ts';
import { someToken } from '../../helpers/audit.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { login, storeLogins } from '../../helpers/logins.ts';
import { bootstrapSql } from '../../helpers/postgres.ts';

const page = await readFile(
  new URL('../../../docs/ask-the-masked-data.md', import.meta.url),
  'utf8',
);
const statements = [...page.matchAll(/```sql\n([^]*?)\n```/g)].map(([, sql = '']) => sql);
const questions = statements.filter((sql) => !sql.startsWith('create index'));
const indexes = statements.filter((sql) => sql.startsWith('create index'));

const [home, office] = [someToken(1), someToken(2)];
const day = (n: number) => `2026-01-0${n}`;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  // a copy has not the rights that migrate needs
  await database.admin.query(await bootstrapSql());
  await storeLogins(database.admin, [
    login({ user: 'ann', device: 'phone', ip: home, day: day(1), version: 2_003_004 }),
    login({ user: 'ann', device: 'phone', ip: home, day: day(2), version: 2_001_000 }),
    login({ user: 'bob', device: 'phone', ip: home, day: day(3) }),
    login({ user: 'bob', device: 'tablet', ip: office, day: day(4) }),
    login({ user: 'cid', device: 'laptop', ip: office, day: day(4) }),
    login({ user: 'dan', device: 'watch', ip: office, day: day(4) }),
    login({ user: 'eve', day: day(4) }),
  ]);
});
afterAll(() => database.drop());

/** Runs the nth question as an analyst does, with psql's variables filled in; days are texts. */
async function ask(n: number): Promise<Record<string, unknown>[]> {
  // psql quotes a variable like this, and takes the output of a command without its last newline
  const variables: Record<string, string> = {
    user: 'ann',
    ip: home,
    tokens: [home, ...Array.from({ length: 4_999 }, (_, other) => someToken(100 + other))].join(
      '\n',
    ),
  };
  const sql = questions[n - 1]!.replaceAll(
    /:'(\w+)'/g,
    (_, name: string) => `'${variables[name]}'`,
  );
  const { rows } = await database
    .as('vault_analyst')
    .query<{ row: Record<string, unknown> }>(
      `select to_jsonb(asked) as row from (${sql.replace(/;$/, '')}) as asked`,
    );
  return rows.map(({ row }) => row);
}

describe('docs/ask-the-masked-data.md', () => {
  it('has eleven questions, each with its statement', () => {
    expect(page.match(/^### \d+\. .*\?$/gm)).toHaveLength(11);
    expect(questions).toHaveLength(11);
  });

  it('1: counts logins and accounts by day', async () => {
    expect((await ask(1)).at(-1)).toEqual({ create_date: day(4), logins: 4, accounts: 4 });
  });

  it('2: finds devices of several accounts', async () => {
    expect(await ask(2)).toEqual([{ masked_device_id: 'phone', accounts: 2, logins: 3 }]);
  });

  it('3: finds who shares with an account', async () => {
    expect(await ask(3)).toEqual([{ user_id: 'bob', devices: 1, addresses: 1 }]);
  });

  it('4: finds who logged in from an address', async () => {
    expect(await ask(4)).toEqual([
      { user_id: 'ann', first: day(1), last: day(2), logins: 2 },
      { user_id: 'bob', first: day(3), last: day(3), logins: 1 },
    ]);
  });

  it('5: counts new devices by day', async () => {
    expect(await ask(5)).toEqual([
      { day: day(1), new_devices: 1 },
      { day: day(4), new_devices: 3 },
    ]);
  });

  it('6: finds a new device on a new address', async () => {
    expect(await ask(6)).toEqual([
      { user_id: 'bob', create_date: day(4), masked_device_id: 'tablet', masked_ip: office },
    ]);
  });

  it('7: finds addresses with many devices', async () => {
    expect(await ask(7)).toEqual([
      { create_date: day(4), masked_ip: office, devices: 3, accounts: 3 },
    ]);
  });

  it('8: finds devices that moved', async () => {
    expect(await ask(8)).toEqual([
      { masked_device_id: 'phone', from_account: 'ann', to_account: 'bob', on_day: day(3) },
    ]);
  });

  it('9: finds older versions', async () => {
    expect(await ask(9)).toEqual([
      { user_id: 'ann', create_date: day(2), from_version: '2.3.4', to_version: '2.1.0' },
    ]);
  });

  it('10: finds the logins of 5 000 tokens', async () => {
    expect(await ask(10)).toEqual(
      [1, 2, 3].map((n) => ({
        masked_ip: home,
        user_id: n === 3 ? 'bob' : 'ann',
        device_type: 'ios',
        create_date: day(n),
        logins: 1,
      })),
    );
  });

  it('11: finds networks with many accounts', async () => {
    await storeLogins(
      database.admin,
      Array.from({ length: 40 }, (_, n) => login({ user: `one of ${n}`, ip: someToken(n % 3) })),
    );
    await database.admin.query(
      `insert into public.ip_networks values ($1, 'network'), ($2, 'network'), ($3, 'network'), ($4, 'other')`,
      [someToken(0), home, office, someToken(9)],
    );
    // and four of the others
    expect(await ask(11)).toEqual([{ masked_network: 'network', accounts: 44, addresses: 3 }]);
  });

  it('has an index for each column of tokens, which the owner can add, and migrate leaves alone', async () => {
    expect(indexes).toHaveLength(piiFields.length);
    const owner = database.as('vault_migrator');
    for (const sql of indexes) await owner.query(sql);
    await migrate(owner);
    const { rows } = await database.admin.query(
      `select indexrelid::regclass::text as name from pg_index
       where indrelid = 'public.user_logins'::regclass and indisvalid`,
    );
    expect(rows).toHaveLength(indexes.length);
  });

  it('says what each column holds, and so does the table itself, unless the team has said it', async () => {
    const comments = async () => {
      const { rows } = await database.admin.query<{ name: string; comment: string | null }>(
        `select attname as name, col_description(attrelid, attnum) as comment from pg_attribute
         where attrelid = 'public.user_logins'::regclass and attnum > 0`,
      );
      return new Map(rows.map(({ name, comment }) => [name, comment]));
    };
    for (const [name, comment] of await comments()) {
      expect(page).toContain(`| \`${name}\` |`);
      expect(comment, name).toMatch(/\. ?.*\(written by pii-vault\)$/);
    }
    const { rows: networks } = await database.admin.query<{ comment: string | null }>(
      `select col_description(attrelid, attnum) as comment from pg_attribute
       where attrelid = 'public.ip_networks'::regclass and attnum > 0`,
    );
    for (const { comment } of networks) expect(comment).toMatch(/^The token of .*\.? \(written by/);
    await database.admin.query(`
      comment on column user_logins.locale is 'ours';
      comment on column user_logins.user_id is 'of an older release (written by pii-vault)';
      comment on column user_logins.masked_ip is null`);
    await migrate(database.as('vault_migrator'));
    const after = await comments();
    expect(after.get('locale')).toBe('ours');
    expect(after.get('user_id')).toMatch(/^The account/);
    expect(after.get('masked_ip')).toMatch(/^A token/);
  });
});
