import { readFile } from 'node:fs/promises';
import { Client, type Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { migrate } from '../../../db/migrate/migrate.ts';
import { createPool } from '../../../db/pool.ts';
import { type Role, roles } from '../../../db/roles.ts';
import { DatabaseError, DatabaseUnfit } from '../../../lib/errors.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { piiFields } from '../../../lib/pii-fields.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import {
  bootstrapSql,
  type Server,
  startEmptyPostgres,
  testPassword,
} from '../../helpers/postgres.ts';
import { ingestDeps } from '../../helpers/vault.ts';

/** The columns of `user_logins`, a contract with its readers. */
const contract = [
  ['user_id', 'character varying', 128],
  ['device_type', 'character varying', 32],
  ['masked_ip', 'character varying', 256],
  ['masked_device_id', 'character varying', 256],
  ['locale', 'character varying', 32],
  ['app_version', 'integer', null],
  ['create_date', 'date', null],
];
const known = new Set(contract.map(([name]) => name));
/** The columns of personal fields that were added since stand at the end. */
const columns = [
  ...contract,
  ...piiFields
    .filter(({ column }) => !known.has(column))
    .map(({ column }) => [column, 'character varying', 256]),
];

/** A table of logins that a team has had: its columns, some of them changed, and further ones. */
function teamsTable(changes: Record<string, string> = {}): string {
  const whole = {
    user_id: 'varchar(128)',
    device_type: 'varchar(32)',
    masked_ip: 'varchar(256)',
    masked_device_id: 'varchar(256)',
    locale: 'varchar(32)',
    app_version: 'integer',
    create_date: 'date',
  };
  const definitions = Object.entries({ ...whole, ...changes })
    .filter(([, type]) => type !== '')
    .map(([name, type]) => `${name} ${type}`);
  return `create table public.user_logins (${definitions.join(', ')})`;
}

async function migrations(): Promise<number> {
  const journal = new URL('../../../db/migrations/meta/_journal.json', import.meta.url);
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
    expect(await migrate(pool)).toEqual({ applied: await migrations(), findings: [] });
    expect(await columnsOfLogins(empty.admin)).toEqual(columns);
    const made = await objects(empty.admin);
    expect(await migrate(pool)).toEqual({ applied: 0, findings: [] });
    expect(await objects(empty.admin)).toEqual(made);
  });

  it('may have the bootstrap run again at any time', async () => {
    await empty.admin.query(await bootstrapSql());
    await empty.admin.query(await bootstrapSql());
    const pool = empty.as('vault_migrator');
    await migrate(pool);
    await empty.admin.query(await bootstrapSql());
    expect(await migrate(pool)).toEqual({ applied: 0, findings: [] });
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

  it('refuse a database that a newer release has migrated, and change nothing', async () => {
    await empty.admin.query(await bootstrapSql());
    const pool = empty.as('vault_migrator');
    await migrate(pool);
    await empty.admin.query(
      `insert into vault.migrations (hash, created_at) select 'newer', max(created_at) + 1 from vault.migrations`,
    );
    const before = await objects(empty.admin);
    await expect(migrate(pool)).rejects.toEqual(
      new DatabaseUnfit([
        'this database was migrated by a newer release of the vault: deploy that release or a later one',
      ]),
    );
    expect(await objects(empty.admin)).toEqual(before);
  });

  it('write the limits of the stage, each time anew', async () => {
    await empty.admin.query(await bootstrapSql());
    const pool = empty.as('vault_migrator');
    const limits = 'select role, per_caller, overall from vault.limits order by role';
    await migrate(pool, [{ role: 'vault_erase', perCaller: 1, overall: 2 }]);
    await migrate(pool, [{ role: 'vault_erase', perCaller: 3, overall: 4 }]);
    expect((await empty.admin.query(limits)).rows).toEqual([
      { role: 'vault_erase', per_caller: 3, overall: 4 },
    ]);
  });

  it('leave nothing of themselves when one of them fails, and go through once it can', async () => {
    await empty.admin.query(await bootstrapSql());
    // what is in the way is met late: the tables of the first migration are made by then
    await empty.admin.query(`
      create schema vault authorization vault_migrator;
      create function vault.chain_audit_row() returns trigger language plpgsql as 'begin end';
      alter function vault.chain_audit_row() owner to vault_migrator;
    `);
    const before = await objects(empty.admin);
    const pool = empty.as('vault_migrator');
    await expect(migrate(pool)).rejects.toEqual(new DatabaseError('42723'));
    expect(await objects(empty.admin)).toEqual(before);

    await empty.admin.query('drop function vault.chain_audit_row');
    expect(await migrate(pool)).toEqual({ applied: await migrations(), findings: [] });
  });

  it('leave a table of logins that was there as it was, with its rows and grants', async () => {
    await empty.admin.query(`
      do $$ begin
        if not exists (select from pg_roles where rolname = 'team_owner') then
          create role team_owner; create role team_reader;
        end if;
      end $$;
      ${teamsTable()};
      create index teams_index on public.user_logins (user_id);
      alter table public.user_logins owner to team_owner;
      grant select on public.user_logins to team_reader;
      insert into public.user_logins values
        ('b', 'ios', 'old hash', 'old hash', null, 230, '2020-02-29'),
        ('a', null, null, null, 'RU', null, null);
    `);
    const names = contract.map(([name]) => name).join();
    const rows = `select ctid::text, xmin::text, ${names} from public.user_logins order by ctid`;
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

    await ingest([sqsRecord()], ingestDeps(empty, createKmsDouble()));
    const analyst = await empty.as('vault_analyst').query('select * from user_logins');
    expect(analyst.rows).toHaveLength(3);
  });
});

describe('a table of logins that was there', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase(null);
  });
  afterEach(() => database.drop());

  async function migrateOn(...tables: string[]): Promise<unknown> {
    for (const table of tables) await database.admin.query(table);
    await database.admin.query(await bootstrapSql());
    return migrate(database.as('vault_migrator'));
  }

  /** What ingest writes at its longest, and one login with nulls. */
  async function ingestExtremes(): Promise<unknown[]> {
    const longest = loginMessage({
      user_id: 'u'.repeat(128),
      device_type: 'd'.repeat(32),
      locale: 'l'.repeat(32),
      app_version: '2146.999.999',
    });
    const nulls = loginMessage({ ip: null, device_id: null, locale: null });
    const deps = ingestDeps(database, createKmsDouble());
    await ingest([sqsRecord(longest), sqsRecord(nulls)], deps);
    expect(deps.deadLetters).toEqual([]);
    const { rows } = await database.as('vault_analyst').query<Record<string, unknown>>(`
      select user_id::text, device_type::text, length(masked_ip::text) as ip,
        length(masked_device_id::text) as device_id, locale::text, app_version::integer,
        create_date::date::text as create_date
      from user_logins order by locale
    `);
    return rows;
  }

  const fits: Record<string, string[]> = {
    'with wider types': [
      teamsTable({
        user_id: 'text',
        device_type: 'char(32)',
        masked_ip: 'varchar',
        masked_device_id: 'varchar(300)',
        app_version: 'bigint',
        create_date: 'timestamp',
      }),
    ],
    'with types of another name': [
      'create domain place as varchar(32)',
      'create domain version as numeric(12, 2)',
      teamsTable({ locale: 'place', app_version: 'version', create_date: 'timestamptz' }),
    ],
    'with fractions for numbers': [teamsTable({ app_version: 'double precision' })],
    'with not null where the vault never writes null': [
      teamsTable({
        user_id: 'varchar(128) not null',
        device_type: 'varchar(32) not null',
        app_version: 'integer not null',
        create_date: 'date not null',
      }),
    ],
    'with columns of its own that fill themselves': [
      teamsTable({
        id: 'serial primary key',
        number: 'bigint generated always as identity',
        twice: 'integer generated always as (app_version / 2) stored',
        seen: 'timestamptz not null default now()',
        note: 'text',
      }),
    ],
    'in partitions': [
      `${teamsTable()} partition by range (create_date)`,
      'create table public.all_logins partition of public.user_logins default',
    ],
    'with row-level security that lets everybody insert': [
      teamsTable(),
      'alter table public.user_logins enable row level security',
      'create policy write on public.user_logins for insert with check (true)',
      'create policy read on public.user_logins for select using (true)',
    ],
  };
  it.each(Object.entries(fits))('%s is taken, and holds what ingest writes', async (_, tables) => {
    expect(await migrateOn(...tables)).toEqual({ applied: await migrations(), findings: [] });
    expect(await ingestExtremes()).toEqual([
      {
        user_id: 'u'.repeat(128),
        device_type: 'd'.repeat(32),
        ip: 33,
        device_id: 40,
        locale: 'l'.repeat(32),
        app_version: 2_146_999_999,
        create_date: '2026-01-31',
      },
      expect.objectContaining({
        ip: null,
        device_id: null,
        locale: null,
        create_date: '2026-01-31',
      }),
    ]);
  });

  const faults: [string, string[]][] = [
    [
      'user_logins.masked_ip is varchar(16), the vault writes up to varchar(33)',
      [teamsTable({ masked_ip: 'varchar(16)' })],
    ],
    [
      'user_logins.masked_device_id is public.short, the vault writes up to varchar(40)',
      ['create domain short as varchar(39)', teamsTable({ masked_device_id: 'short' })],
    ],
    [
      'user_logins.masked_ip is inet, the vault writes up to varchar(33)',
      [teamsTable({ masked_ip: 'inet' })],
    ],
    [
      'user_logins.device_type is name, the vault writes up to varchar(32)',
      [teamsTable({ device_type: 'name' })],
    ],
    [
      'user_logins.user_id is text[], the vault writes up to varchar(128)',
      [teamsTable({ user_id: 'text[]' })],
    ],
    ['user_logins.locale is missing, the vault writes varchar(32)', [teamsTable({ locale: '' })]],
    [
      'user_logins.app_version is smallint, the vault writes integer',
      [teamsTable({ app_version: 'smallint' })],
    ],
    [
      'user_logins.app_version is varchar(32), the vault writes integer',
      [teamsTable({ app_version: 'varchar(32)' })],
    ],
    [
      'user_logins.app_version is real, the vault writes integer',
      [teamsTable({ app_version: 'real' })],
    ],
    [
      'user_logins.app_version is numeric(10,1), the vault writes integer',
      [teamsTable({ app_version: 'numeric(10, 1)' })],
    ],
    [
      'user_logins.app_version is numeric(12,-1), the vault writes integer',
      [teamsTable({ app_version: 'numeric(12, -1)' })],
    ],
    [
      'user_logins.create_date is time without time zone, the vault writes date',
      [teamsTable({ create_date: 'time' })],
    ],
    ...['masked_ip', 'masked_device_id', 'locale'].map((name): [string, string[]] => [
      `user_logins.${name} is not null, the vault writes null if a login has no value`,
      [teamsTable({ [name]: 'text not null' })],
    ]),
    [
      'user_logins.locale is not null, the vault writes null if a login has no value',
      ['create domain known as text not null', teamsTable({ locale: 'known' })],
    ],
    [
      'user_logins.create_date is generated, the vault writes date',
      [teamsTable({ create_date: `date generated always as (date '2026-01-31') stored` })],
    ],
    [
      'user_logins.app_version is generated, the vault writes integer',
      [teamsTable({ app_version: 'integer generated always as identity' })],
    ],
    [
      'user_logins.tenant is not null and has no default, the vault leaves it out',
      [teamsTable({ tenant: 'integer not null' })],
    ],
    [
      'user_logins.id takes its default from public.numbers, which vault_ingest may not use',
      ['create sequence numbers', teamsTable({ id: `bigint default nextval('numbers')` })],
    ],
    [
      'user_logins has row-level security, and no policy lets vault_ingest insert',
      [
        teamsTable(),
        'alter table public.user_logins enable row level security',
        'create policy own on public.user_logins to vault_analyst using (true)',
        'create policy read on public.user_logins for select using (true)',
        'create policy narrow on public.user_logins as restrictive with check (true)',
      ],
    ],
    [
      'user_logins is partitioned and has no partition',
      [`${teamsTable()} partition by range (create_date)`],
    ],
    [
      'user_logins is a view, the vault writes to a table',
      [
        teamsTable().replace('user_logins', 'teams_logins'),
        'create view public.user_logins as select * from public.teams_logins',
      ],
    ],
    [
      'user_logins is a foreign table, the vault writes to a table',
      [
        'create foreign data wrapper elsewhere',
        'create server elsewhere foreign data wrapper elsewhere',
        `${teamsTable().replace('table', 'foreign table')} server elsewhere`,
      ],
    ],
    [
      'the schema vault belongs to postgres, the vault needs it as its own',
      ['create schema vault', 'create table vault.migrations (id integer)'],
    ],
    [
      'the schema vault holds what the vault did not make: data_keys, secrets',
      [
        'create schema vault',
        'create table vault.data_keys (id integer)',
        'create view vault.secrets as select',
        'alter schema vault owner to vault_migrator',
      ],
    ],
    [
      'vault.migrations lists the migrations of something else',
      [
        'create schema vault',
        'create table vault.migrations (name text)',
        `insert into vault.migrations values ('first')`,
        'alter schema vault owner to vault_migrator',
        'alter table vault.migrations owner to vault_migrator',
      ],
    ],
  ];
  it.each(faults)('is refused: %s', async (fault, tables) => {
    await expect(migrateOn(...tables)).rejects.toEqual(new DatabaseUnfit([fault]));
  });

  it('is refused with all that is wrong with it, and nothing is changed', async () => {
    await database.admin.query(await bootstrapSql());
    await database.admin.query('create schema vault; create table vault.apples ()');
    await database.admin.query('alter schema vault owner to vault_migrator');
    await database.admin.query(
      teamsTable({ masked_ip: 'varchar(16) not null', locale: '', tenant: 'integer not null' }),
    );
    const before = await objects(database.admin);
    const refused = migrate(database.as('vault_migrator'));
    await expect(refused).rejects.toMatchObject({
      message:
        'nothing was migrated: the schema vault holds what the vault did not make: apples; ' +
        'user_logins belongs to postgres: run db/bootstrap.sql as administrator; ' +
        'user_logins.masked_ip is varchar(16), the vault writes up to varchar(33); ' +
        'user_logins.masked_ip is not null, the vault writes null if a login has no value; ' +
        'user_logins.tenant is not null and has no default, the vault leaves it out',
    });
    expect(await objects(database.admin)).toEqual(before);
  });

  it('is looked at again by every later migrate', async () => {
    await migrateOn();
    await database.admin.query('alter table public.user_logins drop column locale');
    const fault = 'user_logins.locale is missing, the vault writes varchar(32)';
    await expect(migrateOn()).rejects.toEqual(new DatabaseUnfit([fault]));
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
    expect(await migrate(pool)).toEqual({ applied: await migrations(), findings: [] });
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
    await master.query(teamsTable({ id: 'serial' }));
    await master.query(`insert into public.user_logins values ('old')`);
    await master.query(await bootstrapSql());
    await master.query(`alter role vault_migrator password '${testPassword}'`);
    const pool = createPool({
      ...connection,
      user: 'vault_migrator',
      database: 'logins',
      tls: false,
    });
    expect(await migrate(pool)).toEqual({ applied: await migrations(), findings: [] });
    await pool.end();

    await master.query(await bootstrapSql());
    const { rows } = await master.query('select user_id from public.user_logins');
    await master.end();
    expect(rows).toEqual([{ user_id: 'old' }]);
  });
});
