import { readFile } from 'node:fs/promises';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { migrate, type MigrationReport } from '../../../db/migrate/migrate.ts';
import { createPool } from '../../../db/pool.ts';
import { type Role } from '../../../db/roles.ts';
import { storedAudit } from '../../../db/read-audit.ts';
import { verifyAudit } from '../../../lib/audit/verify-audit.ts';
import {
  auditOutcomes,
  claim,
  endStolenLogins,
  stolenLogin,
  take,
} from '../../helpers/attacker.ts';
import { someToken } from '../../helpers/audit.ts';
import {
  type Server,
  startEmptyPostgres,
  testPassword,
  wideLimits,
} from '../../helpers/postgres.ts';

const migrationsFolder = 'db/migrations';
/** What release 0.1.0 had. */
const formerMigrations = 4;

let server: Server;
let admin: Client;
let findings: string[];
let report: MigrationReport;
const database = { port: 0, name: 'vault' };

const connect = (user: string, name = database.name) =>
  new Client({
    host: '127.0.0.1',
    port: server.port,
    database: name,
    user,
    password: testPassword,
  });

const poolOf = (user: Role) =>
  createPool({
    host: '127.0.0.1',
    port: server.port,
    database: database.name,
    user,
    password: testPassword,
    tls: false,
  });

/** What an attacker leaves behind who became vault_migrator in the release before, and who rules the server. */
const planted = {
  asMigrator: [
    `create function vault.back() returns text language sql security definer as
       'select ciphertext::text from vault.pii_vault limit 1'`,
    'grant execute on function vault.back() to public',
    `create function public.door() returns text language sql security definer as
       'select ciphertext::text from vault.pii_vault limit 1'`,
    'grant usage on schema vault to stranger',
    'grant select on vault.audit_checkpoints to stranger',
    'grant execute on function vault.erased_tokens(text[]) to stranger',
    'grant select on vault.data_keys to vault_analyst',
    'alter table vault.reveal_audit disable trigger refuse_audit_change',
    `create function vault.spy() returns trigger language plpgsql as 'begin return new; end'`,
    'create trigger spy after insert on vault.data_keys for each row execute function vault.spy()',
    'create view vault.window as select * from vault.data_keys',
    'create view public.pane as select token, ciphertext from vault.pii_vault',
    'grant select on vault.pii_vault, public.pane to stranger',
    'create view vault.foreign_window as select 1 as x',
    'grant vault_reveal to stranger',
  ],
  asAdmin: [
    'alter view vault.foreign_window owner to stranger',
    `alter function vault.quota_holder(vault.principal_source, text) security definer`,
  ],
};

beforeAll(async () => {
  server = await startEmptyPostgres();
  database.port = server.port;
  const maintenance = connect('postgres', 'postgres');
  await maintenance.connect();
  await maintenance.query('create database vault');
  await maintenance.end();
  admin = connect('postgres');
  await admin.connect();
  // as db/bootstrap.sql of that release
  await admin.query(`
    create role vault_migrator login createrole password '${testPassword}';
    grant create on database vault to vault_migrator;
    grant usage, create on schema public to vault_migrator with grant option;
    create role stranger login password '${testPassword}'`);

  const migrator = connect('vault_migrator');
  await migrator.connect();
  await migrator.query(`
    create schema vault;
    create table vault.migrations (id serial primary key, hash text not null, created_at bigint)`);
  for (const { sql, hash, folderMillis } of readMigrationFiles({ migrationsFolder }).slice(
    0,
    formerMigrations,
  )) {
    for (const script of sql) await migrator.query(script);
    await migrator.query('insert into vault.migrations (hash, created_at) values ($1, $2)', [
      hash,
      folderMillis,
    ]);
  }
  await admin.query(`
    do $$ declare name text; begin
      for name in select rolname from pg_roles where rolname like 'vault\\_%' loop
        execute format('alter role %I password %L', name, '${testPassword}');
      end loop;
    end $$`);

  // as the functions of that release wrote, and one row that their columns had room for
  const reveal = await stolenLogin(database, 'vault_reveal');
  for (const reason of ['fraud case 4711', 'fraud case 4712', 'x'.repeat(100_000)]) {
    await reveal.query(
      `insert into vault.reveal_audit
         (action, request_id, principal, principal_source, reason, token, outcome)
       values ('reveal', 'r', 'grace', 'claimed', $1, $2, 'revealed')`,
      [reason, someToken(1)],
    );
  }
  const eraser = await stolenLogin(database, 'vault_erase');
  await eraser.query(
    `insert into vault.reveal_audit
       (action, request_id, principal, principal_source, reason, token, outcome)
     values ('erase', 'e', 'grace', 'iam', 'erasure request 2026-17', $1, 'erased')`,
    [someToken(7)],
  );
  // values of that release, one of them in a spelling that no release wrote
  await migrator.query(
    `with key as (
       insert into vault.data_keys (id, wrapped_key, kms_key_arn)
       values (gen_random_uuid(), '\\x01', 'arn') returning id
     )
     insert into vault.pii_vault (token, kind, ciphertext, data_key_id)
     select token, kind::vault.pii_kind, '\\x02', id
     from key, unnest($1::text[], $2::text[]) as value (token, kind)`,
    [
      [someToken(1), 'device_id_v1_W4ug5DfJpIv4ZakTPjdk2OYY76c', `${someToken(2).slice(0, -1)}B`],
      ['ip', 'device_id', 'ip'],
    ],
  );
  await reveal.query('alter role vault_reveal set synchronous_commit = off');
  await reveal.query('alter role vault_reveal set statement_timeout = 0');
  for (const statement of planted.asMigrator) await migrator.query(statement);
  for (const statement of planted.asAdmin) await admin.query(statement);
  await migrator.end();

  const pool = poolOf('vault_migrator');
  report = await migrate(pool, wideLimits);
  await pool.end();
  ({ findings } = report);
  await admin.query(`alter role vault_reveal_url password '${testPassword}'`);
}, 120_000);
afterAll(async () => {
  await endStolenLogins();
  await admin.end();
  await server.stop();
});

describe('migrate, on a database of the release before that was attacked,', () => {
  it('goes through', async () => {
    const journal = JSON.parse(
      await readFile(`${migrationsFolder}/meta/_journal.json`, 'utf8'),
    ) as {
      entries: unknown[];
    };
    expect(report.applied).toBe(journal.entries.length - formerMigrations);
  });

  it.each([
    ['a function in the schema vault', /vault\.back\(\) is not the vault's/],
    ['a function in another schema that runs as the owner', /door\(\) is not the vault's/],
    ['a view', /vault\.window is not the vault's/],
    ['a view of another owner', /vault\.foreign_window belongs to stranger/],
    ['a trigger', /trigger spy on vault\.data_keys is not the vault's/],
    ['a trigger that is switched off', /refuse_audit_change on vault\.reveal_audit/],
    ['a right of a stranger on a table', /stranger has rights on vault\.audit_checkpoints/],
    ['a right of a stranger on the schema', /stranger has rights on schema vault/],
    ['a member of a role', /stranger is a member of vault_reveal/],
    ['settings of a role', /settings of vault_reveal: .*synchronous_commit/],
  ])('names %s', (_, phrase) => {
    expect(findings).toContainEqual(expect.stringMatching(phrase));
  });

  it('takes the former functions and rights away', async () => {
    const { rows: functions } = await admin.query(
      `select proname from pg_proc where pronamespace = 'vault'::regnamespace
       and (proname in ('erased_tokens', 'reveal_allowance') or (prosecdef and proname = 'quota_holder'))`,
    );
    expect(functions).toEqual([]);
    const { rows: rights } = await admin.query(`
      select role, c.relname from unnest(array['vault_reveal', 'vault_tokenize', 'vault_erase']) as role
      cross join pg_class as c
      where c.relnamespace = 'vault'::regnamespace and c.relkind in ('r', 'v')
        and has_any_column_privilege(role, c.oid, 'select, insert, update, references')
      union all
      select 'vault_analyst', 'data_keys'
      where has_table_privilege('vault_analyst', 'vault.data_keys', 'select')`);
    expect(rights).toEqual([]);
    const { rows: settings } = await admin.query<{ setconfig: string[] }>(
      `select setconfig from pg_db_role_setting join pg_roles on pg_roles.oid = setrole
       where rolname = 'vault_reveal'`,
    );
    expect(settings.flatMap(({ setconfig }) => setconfig).join()).not.toContain(
      'synchronous_commit',
    );
  });

  it('keeps every value under its token, and drops what is built on the sealed values', async () => {
    const { rows } = await admin.query(
      'select vault.token_text(kind, token) as token, ciphertext from vault.pii_vault order by kind',
    );
    const ciphertext = Buffer.from([2]);
    expect(rows).toEqual([
      { token: someToken(1), ciphertext },
      { token: 'device_id_v1_W4ug5DfJpIv4ZakTPjdk2OYY76c', ciphertext },
    ]);
    const { rows: gone } = await admin.query(`select to_regclass('public.pane') as pane`);
    expect(gone).toEqual([{ pane: null }]);
  });

  it('leaves the chain as it was, and it goes on over it', async () => {
    const thief = await stolenLogin(database, 'vault_reveal');
    await thief.query(claim('new', [1, 7, 8].map(someToken)));
    const pool = poolOf('vault_auditor');
    const chain = await verifyAudit(storedAudit(pool));
    await pool.end();
    // the row that no function of the vault wrote is named, and nothing else
    expect(chain.findings.map(({ id }) => id)).toEqual([3]);
    expect(chain).toMatchObject({ verified: 6, head: { id: 7 } });
    expect((await auditOutcomes({ admin })).slice(4)).toEqual(['revealed', 'erased', 'unknown']);
    expect((await thief.query(take('new'))).rows).toEqual([{ token: someToken(1) }]);
  });

  it('changes nothing, and says why, where a function of ours belongs to somebody else', async () => {
    await admin.query('alter function vault.take_revealed(text) owner to stranger');
    const pool = poolOf('vault_migrator');
    await expect(migrate(pool, wideLimits)).rejects.toMatchObject({
      name: 'DatabaseUnfit',
      message: expect.stringContaining('vault.take_revealed belongs to stranger'),
    });
    await pool.end();
    await admin.query('alter function vault.take_revealed(text) owner to vault_migrator');
  });
});
