import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { appendRows } from '../../helpers/audit.ts';
import { claim, endStolenLogins, holdValues, stolenLogin } from '../../helpers/attacker.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

const key = '00000000-0000-4000-8000-000000000000';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await endStolenLogins();
  await database.drop();
});

describe('with the login of vault_maintain', () => {
  it.each([
    [`1000000000000, decode(repeat('00', 32), 'hex')`],
    [`1, decode(repeat('00', 32), 'hex')`],
    [`0, decode(repeat('00', 32), 'hex')`],
    [`2, (select hash from vault.reveal_audit where id = 1)`],
    ['null, null'],
    ['1, null'],
  ])('no checkpoint is made that raises a false alarm: %s', async (row) => {
    await appendRows(database.as('vault_reveal'), 3);
    const thief = await stolenLogin(database, 'vault_maintain');
    await expect(thief.query(`select vault.add_checkpoint(${row})`)).rejects.toThrow(
      'the audit has no such row',
    );
  });

  it.each(['UTC', 'Pacific/Kiritimati', 'Etc/GMT+12', '-167', 'UTC-167', 'UTC+167'])(
    'no message id is forgotten early, in time zone %s',
    async (zone) => {
      await database.admin.query(`
        insert into vault.ingested_messages (message_id, sent_on)
        select gen_random_uuid(), (now() at time zone 'UTC')::date - days
        from generate_series(-1, 17) as days`);
      const thief = await stolenLogin(database, 'vault_maintain');
      await thief.query(`set timezone = '${zone}'`);
      for (const rows of ['1000', 'null']) await thief.query(`select vault.prune_ledger(${rows})`);
      const { rows } = await database.admin.query<{ oldest: number; count: string }>(`
        select (now() at time zone 'UTC')::date - min(sent_on) as oldest, count(*) as count
        from vault.ingested_messages`);
      expect(rows).toEqual([{ oldest: 15, count: '17' }]);
    },
  );

  it('no data key is deleted under which a value was sealed since its snapshot', async () => {
    await database.admin.query(`
      insert into vault.data_keys (id, wrapped_key, kms_key_arn, created_at)
      values ('${key}', '\\x01', 'arn', now() - interval '2 days')`);
    const thief = await stolenLogin(database, 'vault_maintain');
    await thief.query('begin isolation level repeatable read; select 1');
    await database.admin.query(`
      insert into vault.pii_vault (token, kind, ciphertext, data_key_id)
      values (decode(repeat('00', 20), 'hex'), 'ip', '', '${key}')`);
    await expect(thief.query('select vault.drop_spent_keys()')).rejects.toThrow('read committed');
    await thief.query('rollback');
    await thief.query('select vault.drop_spent_keys()');
    expect((await database.admin.query('select from vault.data_keys')).rowCount).toBe(1);
  });

  it('no data key of this hour is deleted, whatever its time zone', async () => {
    await database.admin.query(
      `insert into vault.data_keys (id, wrapped_key, kms_key_arn) values ('${key}', '\\x01', 'arn')`,
    );
    const thief = await stolenLogin(database, 'vault_maintain');
    // a change of the clocks about now, by two weeks, makes a day end before it began
    const today = Math.floor(
      (Date.now() - Date.UTC(new Date().getUTCFullYear(), 0, 1)) / 86_400_000,
    );
    let shortest = 24;
    for (let day = Math.max(today - 9, 0); day <= Math.min(today + 9, 364); day += 1) {
      await thief.query(`set timezone = 'AAA-167BBB167,${day}/0,${(day + 100) % 365}/0'`);
      const { rows } = await thief.query<{ hours: string }>(
        `select extract(epoch from now() - (now() - interval '1 day')) / 3600 as hours`,
      );
      shortest = Math.min(shortest, Number(rows[0]!.hours));
      await thief.query('select vault.drop_spent_keys()');
    }
    expect(shortest).toBeLessThan(0);
    expect((await database.admin.query('select from vault.data_keys')).rowCount).toBe(1);
  });

  it('no request waits for a session that prunes and does not end', async () => {
    const [token] = await holdValues(database);
    const reader = await stolenLogin(database, 'vault_reveal_url');
    await reader.query(claim('before', [token!], 'iam'));
    await database.admin.query(`update vault.usage set minute = minute - interval '125 minutes'`);
    const thief = await stolenLogin(database, 'vault_maintain');
    await thief.query('begin');
    const { rows } = await thief.query<{ n: number }>('select vault.prune_requests() as n');
    expect(rows[0]!.n).toBeGreaterThan(0);
    expect((await reader.query(claim('after', [token!], 'iam'))).rows).toMatchObject([
      { outcome: 'revealed' },
    ]);
    await thief.query('rollback');
    await reader.query(claim('again', [token!], 'iam'));
    const { rowCount } = await database.admin.query(
      `select from vault.usage where minute < now() - interval '2 hours'`,
    );
    expect(rowCount).toBe(0);
  });

  it('the daily round does not wait for a checkpoint that is not committed, and ends its session', async () => {
    await appendRows(database.as('vault_reveal'), 3);
    const add = 'select vault.add_checkpoint(id, hash) from vault.reveal_audit where id = 3';
    const thief = await stolenLogin(database, 'vault_maintain');
    await thief.query(`set idle_in_transaction_session_timeout = 0; begin; ${add}`);
    const maintain = database.as('vault_maintain');
    const round = async () => (
      await maintain.query('select vault.end_stale_sessions()'),
      maintain.query(add)
    );
    await expect(round()).rejects.toMatchObject({ code: '55P03' });
    await expect(round()).rejects.toMatchObject({ code: '55P03' });
    for (let tries = 0; ; tries += 1) {
      const error = await round().then(
        () => null,
        (cause: { code: string }) => cause,
      );
      if (error === null) break;
      expect(error.code).toBe('55P03');
      expect(tries).toBeLessThan(10);
    }
    await expect(thief.query('select 1')).rejects.toThrow();
  });

  it('no audit row gives another time up to which values expired', async () => {
    await holdValues(database);
    await database.admin.query(`
      insert into vault.retention (days) values (30);
      update vault.pii_vault set created_at = now() - interval '31 days'`);
    const thief = await stolenLogin(database, 'vault_maintain');
    await thief.query(`set timezone = 'UTC-167'; select vault.expire_values(0)`);
    const { rows } = await database.admin.query<{ hours: number }>(`
      select (extract(epoch from at - (detail::json ->> 'collectedBefore')::timestamptz) / 3600)::integer as hours
      from vault.reveal_audit`);
    expect(rows).toEqual([{ hours: 30 * 24 }]);
  });

  it('no claim is taken away before its minute is over', async () => {
    await database.admin.query(`
      insert into vault.reveal_claims (role, request_id, transaction, first_audit_id, last_audit_id, expires_at)
      values ('vault_reveal', 'r', '3', 1, 1, now() + interval '1 minute')`);
    const thief = await stolenLogin(database, 'vault_maintain');
    await thief.query('select vault.prune_requests()');
    const { rowCount } = await database.admin.query('select from vault.reveal_claims');
    expect(rowCount).toBe(1);
  });
});
