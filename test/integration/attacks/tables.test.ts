import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Role, roles, type WorkingRole } from '../../../db/roles.ts';
import { endStolenLogins, stolenLogin } from '../../helpers/attacker.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
let tables: string[];
beforeAll(async () => {
  database = await createTestDatabase();
  const { rows } = await database.admin.query<{ name: string }>(`
    select schemaname || '.' || tablename as name from pg_tables
    where schemaname in ('public', 'vault')`);
  tables = rows.map(({ name }) => name);
});
afterAll(async () => {
  await endStolenLogins();
  await database.drop();
});

const called: WorkingRole[] = ['vault_reveal', 'vault_reveal_url', 'vault_tokenize', 'vault_erase'];
const locks = ['ACCESS SHARE', 'ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE'];
const blockingLocks = ['SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'];

describe.each(called)('with the login of %s', (role) => {
  it('no table is read, written or locked', async () => {
    const thief = await stolenLogin(database, role);
    for (const table of tables) {
      for (const statement of [
        `select from ${table}`,
        `select count(*) from ${table}`,
        `select ctid from ${table}`,
        `insert into ${table} default values`,
        `update ${table} set ${table === 'public.user_logins' ? 'locale' : 'ctid'} = null`,
        `delete from ${table}`,
        `truncate ${table}`,
        `copy ${table} to stdout`,
        `create index on ${table} ((1))`,
        `create trigger t after insert on ${table} execute function f()`,
        `analyze ${table}; select 1/0`,
      ]) {
        await expect(thief.query(statement), statement).rejects.toThrow(
          /permission denied|must be owner|cannot assign to system column|division by zero/,
        );
      }
      for (const mode of [...locks, ...blockingLocks]) {
        const statement = `begin; lock table ${table} in ${mode} mode`;
        await expect(thief.query(statement), statement).rejects.toThrow('permission denied');
        await thief.query('rollback');
      }
    }
  });

  it('nothing is learned from statistics, and no file or program is reached', async () => {
    const thief = await stolenLogin(database, role);
    const { rows } = await thief.query(
      `select 1 from pg_stats where schemaname in ('vault', 'public')`,
    );
    expect(rows).toEqual([]);
    for (const statement of [
      `select pg_read_file('PG_VERSION')`,
      `copy (select 1) to program 'true'`,
      `copy (select 1) to '/tmp/x'`,
      `select lo_import('/etc/passwd')`,
      'create table public.x ()',
      'create schema x',
      'create temp table x ()',
      `create function public.f() returns int language sql as 'select 1'`,
      'alter role vault_migrator password null',
      'create role x',
      'grant vault_reveal to vault_tokenize',
      'create extension dblink',
      "load 'auto_explain'",
    ]) {
      await expect(thief.query(statement), statement).rejects.toThrow(
        /permission denied|must have|must be|access to library|not allowed|not available/,
      );
    }
  });
});

describe('with the login of any role', () => {
  it.each<Role>(['vault_ingest', 'vault_maintain', 'vault_analyst', 'vault_auditor'])(
    '%s, no table is kept from those who work with it',
    async (role) => {
      const thief = await stolenLogin(database, role);
      for (const table of tables) {
        for (const mode of blockingLocks) {
          const statement = `begin; lock table ${table} in ${mode} mode`;
          await expect(thief.query(statement), statement).rejects.toThrow('permission denied');
          await thief.query('rollback');
        }
      }
    },
  );

  it.each([...roles, 'postgres' as const])('%s, no audit row is written by hand', async (role) => {
    const thief = role === 'postgres' ? database.admin : await stolenLogin(database, role);
    for (const [action, source] of [
      ['reveal', 'claimed'],
      ['reveal', 'iam'],
      ['tokenize', 'iam'],
      ['erase', 'iam'],
    ]) {
      const insert = `
        insert into vault.reveal_audit (action, request_id, principal, principal_source, reason, token, outcome)
        values ('${action}', 'r', 'p', '${source}', 'a reason of somebody', 'ip_v1_${'A'.repeat(27)}', 'revealed')`;
      await expect(thief.query(insert), insert).rejects.toThrow(
        /permission denied|may not write an audit row/,
      );
    }
  });

  it.each([
    ['vault_reveal', 'iam'],
    ['vault_reveal_url', 'claimed'],
  ] as const)('%s does not record a caller as %s', async (role, source) => {
    const thief = await stolenLogin(database, role);
    await expect(
      thief.query(
        `select from vault.claim_reveal('r', $1, 'p', 'a reason of somebody', array['ip_v1_${'A'.repeat(27)}'])`,
        [source],
      ),
    ).rejects.toThrow('may not write an audit row');
  });
});
