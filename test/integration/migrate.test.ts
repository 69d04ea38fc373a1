import { readFile } from 'node:fs/promises';
import { Client, type Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { migrate } from '../../db/migrate.ts';
import { createPool } from '../../db/pool.ts';
import { type Role, roles } from '../../db/roles.ts';
import { DatabaseError } from '../../lib/errors.ts';
import { ingest } from '../../lib/ingest.ts';
import { sqsRecord } from '../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { createKmsDouble } from '../helpers/kms-double.ts';
import {
  bootstrapSql,
  type Server,
  startEmptyPostgres,
  testPassword,
} from '../helpers/postgres.ts';
import { ingestParts } from '../helpers/vault.ts';

/** The columns of `user_logins`, a contract with its readers. */
const columns = [
  ['user_id', 'character varying', 128],
  ['device_type', 'character varying', 32],
  ['masked_ip', 'character varying', 256],
  ['masked_device_id', 'character varying', 256],
  ['locale', 'character varying', 32],
  ['app_version', 'integer', null],
  ['create_date', 'date', null],
];

async function migrations(): Promise<number> {
  const journal = new URL('../../db/migrations/meta/_journal.json', import.meta.url);
  return (JSON.parse(await readFile(journal, 'utf8')) as { entries: unknown[] }).entries.length;
}

async function columnsOfLogins(admin: Pool): Promise<unknown[]> {
  const { rows } = await admin.query<unknown[]>({
    text: `select column_name, data_type, character_maximum_length from information_schema.columns
           where table_schema = 'public' and table_name = 'user_logins' order by ordinal_position`,
    rowMode: 'array',
  });
  return rows;
}

/** Everything the migrations make, by name. */
async function objects(admin: Pool): Promise<unknown[]> {
  const { rows } = await admin.query<{ object: string }>(`
    select 'relation ' || oid::regclass as object from pg_class
      where relnamespace::regnamespace::text in ('vault', 'public')
    union select 'function ' || oid::regprocedure from pg_proc
      where pronamespace::regnamespace::text in ('vault', 'public')
    union select 'type ' || oid::regtype from pg_type
      where typnamespace::regnamespace::text in ('vault', 'public')
    order by object
  `);
  return rows.map(({ object }) => object);
}

describe('the migrations', () => {
  let empty: TestDatabase;
  beforeEach(async () => {
    empty = await createTestDatabase(null);
  });
  afterEach(() => empty.drop());

  it('make the vault in an empty database, and the second time nothing', async () => {
    await empty.admin.query(await bootstrapSql());
    const pool = empty.as('vault_migrator');
    expect(await migrate(pool)).toEqual({ applied: await migrations() });
    expect(await columnsOfLogins(empty.admin)).toEqual(columns);
    const made = await objects(empty.admin);
    expect(await migrate(pool)).toEqual({ applied: 0 });
    expect(await objects(empty.admin)).toEqual(made);
  });

  it('may have the bootstrap run again at any time', async () => {
    await empty.admin.query(await bootstrapSql());
    await empty.admin.query(await bootstrapSql());
    const pool = empty.as('vault_migrator');
    await migrate(pool);
    await empty.admin.query(await bootstrapSql());
    expect(await migrate(pool)).toEqual({ applied: 0 });
  });

  it('are applied once by two deployments at the same time', async () => {
    await empty.admin.query(await bootstrapSql());
    const results = await Promise.all([1, 2, 3].map(() => migrate(empty.as('vault_migrator'))));
    expect(results.map(({ applied }) => applied).toSorted((a, b) => a - b)).toEqual([
      0,
      0,
      await migrations(),
    ]);
    expect(await columnsOfLogins(empty.admin)).toEqual(columns);
  });

  it('leave nothing of themselves when one of them fails, and go through once it can', async () => {
    await empty.admin.query(await bootstrapSql());
    // what is in the way is met late: the tables of the first migration are made by then
    await empty.admin.query(`
      create schema vault authorization vault_migrator;
      create function vault.reveal_allowance(
        source text, caller text, quota integer, wanted integer, out allowed boolean
      ) language sql as 'select true';
      create function vault.lock_audit_chain() returns void language sql as 'select';
    `);
    const before = await objects(empty.admin);
    const pool = empty.as('vault_migrator');
    await expect(migrate(pool)).rejects.toEqual(new DatabaseError('42723'));
    const left = await objects(empty.admin);
    expect(left.filter((object) => !String(object).includes('vault.migrations'))).toEqual(before);

    await empty.admin.query('drop function vault.lock_audit_chain');
    expect(await migrate(pool)).toEqual({ applied: await migrations() });
  });

  it('leave a table of logins that was there as it was, with its rows and grants', async () => {
    await empty.admin.query(`
      do $$ begin
        if not exists (select from pg_roles where rolname = 'team_owner') then
          create role team_owner; create role team_reader;
        end if;
      end $$;
      create table public.user_logins (
        user_id varchar(128), device_type varchar(32), masked_ip varchar(256),
        masked_device_id varchar(256), locale varchar(32), app_version integer, create_date date
      );
      create index teams_index on public.user_logins (user_id);
      alter table public.user_logins owner to team_owner;
      grant select on public.user_logins to team_reader;
      insert into public.user_logins values
        ('b', 'ios', 'old hash', 'old hash', null, 230, '2020-02-29'),
        ('a', null, null, null, 'RU', null, null);
    `);
    const rows = 'select ctid::text, xmin::text, * from public.user_logins order by ctid';
    const before = await empty.admin.query(rows);

    await empty.admin.query(await bootstrapSql());
    await migrate(empty.as('vault_migrator'));

    expect((await empty.admin.query(rows)).rows).toEqual(before.rows);
    expect(before.rows).toHaveLength(2);
    expect(await columnsOfLogins(empty.admin)).toEqual(columns);
    const kept = await empty.admin.query(`
      select to_regclass('public.teams_index') is not null as index,
        has_table_privilege('team_reader', 'public.user_logins', 'select') as reader
    `);
    expect(kept.rows).toEqual([{ index: true, reader: true }]);

    await ingest([sqsRecord()], ingestParts(empty, createKmsDouble()));
    const analyst = await empty.as('vault_analyst').query('select * from user_logins');
    expect(analyst.rows).toHaveLength(3);
  });
});

describe('on a server that knows none of the roles', () => {
  let server: Server;
  beforeAll(async () => {
    server = await startEmptyPostgres();
  });
  afterAll(() => server.stop());

  it('the migrations make the roles, none of them with a right beyond its own', async () => {
    const connection = {
      host: '127.0.0.1',
      port: server.port,
      database: 'postgres',
      password: testPassword,
    };
    const admin = new Client({ ...connection, user: 'postgres' });
    await admin.connect();
    await admin.query(await bootstrapSql());
    await admin.query(`alter role vault_migrator password '${testPassword}'`);
    const pool = createPool({ ...connection, user: 'vault_migrator', tls: false });
    expect(await migrate(pool)).toEqual({ applied: await migrations() });
    await pool.end();

    const { rows } = await admin.query<{ rolname: Role }>(
      `select rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication, rolcanlogin
       from pg_roles where rolname like 'vault%' order by rolname`,
    );
    await admin.end();
    expect(rows).toEqual(
      roles.toSorted().map((rolname) => ({
        rolname,
        rolsuper: false,
        rolcreaterole: rolname === 'vault_migrator',
        rolcreatedb: false,
        rolbypassrls: false,
        rolreplication: false,
        rolcanlogin: true,
      })),
    );
  });
});

describe('on a server whose administrator is no superuser, as on RDS', () => {
  let server: Server;
  beforeAll(async () => {
    server = await startEmptyPostgres();
  });
  afterAll(() => server.stop());

  it('the bootstrap hands over a table of logins, and who owned it may still use it', async () => {
    const connection = { host: '127.0.0.1', port: server.port, password: testPassword };
    const superuser = new Client({ ...connection, user: 'postgres', database: 'postgres' });
    await superuser.connect();
    await superuser.query(`create role master login createrole password '${testPassword}'`);
    await superuser.query('create database logins owner master');
    await superuser.end();

    const master = new Client({ ...connection, user: 'master', database: 'logins' });
    await master.connect();
    await master.query('create table public.user_logins (user_id varchar(128))');
    await master.query(`insert into public.user_logins values ('old')`);
    await master.query(await bootstrapSql());
    await master.query(`alter role vault_migrator password '${testPassword}'`);
    const pool = createPool({
      ...connection,
      user: 'vault_migrator',
      database: 'logins',
      tls: false,
    });
    expect(await migrate(pool)).toEqual({ applied: await migrations() });
    await pool.end();

    await master.query(await bootstrapSql());
    const { rows } = await master.query('select user_id from public.user_logins');
    await master.end();
    expect(rows).toEqual([{ user_id: 'old' }]);
  });
});
