import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { roles } from '../../../db/roles.ts';
import type { Passwords } from '../../../scripts/local/passwords.ts';
import { createReader, type Reader } from '../../../scripts/local/reader.ts';
import { loginsFromNow } from '../../../scripts/local/stored-logins.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
let analyst: Reader;
beforeAll(async () => {
  database = await createTestDatabase();
  const everyRole = ['postgres', ...roles].map((role) => [role, testPassword]);
  analyst = createReader(
    {
      host: '127.0.0.1',
      port: database.port,
      name: database.name,
      passwords: Object.fromEntries(everyRole) as Passwords,
    },
    'vault_analyst',
  );
});
afterAll(async () => {
  await analyst.end();
  await database.drop();
});

/** Stores logins of that user from these addresses. */
async function store(user: string, ...tokens: (string | null)[]): Promise<void> {
  await database.admin.query(
    `insert into user_logins select $1, 'ios', token, null, null, 1, '2026-01-31'
     from unnest($2::text[]) as token`,
    [user, tokens],
  );
}

describe('the logins that a start shows', () => {
  test('are those of its users that were stored after it began', async () => {
    await store('grace', 'ip_before', 'ip_shared');
    const logins = await loginsFromNow(analyst, ['grace', 'ada']);
    expect(await logins.count()).toBe(0);
    await store('grace', 'ip_shared', 'ip_shared');
    await store('ada', 'ip_shared', 'ip_ada', null);
    await store('stranger', 'ip_shared', 'ip_stranger');

    const rows = await logins.rows(10);
    expect(rows.map((row) => [row['user_id'], row['masked_ip']])).toEqual([
      ['grace', 'ip_shared'],
      ['grace', 'ip_shared'],
      ['ada', 'ip_shared'],
      ['ada', 'ip_ada'],
      ['ada', null],
    ]);
    expect(await logins.repeated(10)).toEqual([
      { token: 'ip_shared', logins: 3 },
      { token: 'ip_ada', logins: 1 },
    ]);
  });

  test("give a token to erase that no other user's login has", async () => {
    await store('other', 'ip_of_two');
    const logins = await loginsFromNow(analyst, ['lise', 'otto']);
    expect(await logins.erasable()).toBeNull();
    await store('lise', 'ip_of_two');
    expect(await logins.erasable()).toBeNull();
    await store('lise', 'ip_own', 'ip_own', 'ip_rare');
    expect(await logins.erasable()).toBe('ip_rare');
  });

  test('are read with the rights of vault_analyst, whatever vault_migrator has put there', async () => {
    await database.admin.query(`
      create function public.seen() returns text language plpgsql as $$
        begin
          if current_user <> 'vault_analyst' then raise exception 'read as %', current_user; end if;
          return 'seen';
        end $$;
      alter table public.user_logins rename to moved;
      create view public.user_logins as
        select moved.xmin, public.seen() as user_id, device_type, masked_ip, masked_device_id, locale,
          app_version, create_date from public.moved;
      grant select on public.user_logins to vault_analyst`);
    try {
      const logins = await loginsFromNow(analyst, ['seen']);
      await database.admin.query(`insert into public.moved (user_id) values ('any')`);
      expect(await logins.rows(1)).toMatchObject([{ user_id: 'seen' }]);
    } finally {
      await database.admin.query(
        'drop view public.user_logins; alter table public.moved rename to user_logins',
      );
    }
  });
});
