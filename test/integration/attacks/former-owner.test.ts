import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { migrate } from '../../../db/migrate/migrate.ts';
import { findRotationObstacles } from '../../../db/operations/rotation-plan.ts';
import { holdValues } from '../../helpers/attacker.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { bootstrapSql, testPassword } from '../../helpers/postgres.ts';

const columns = `user_id varchar(128), device_type varchar(32), masked_ip varchar(256),
  masked_device_id varchar(256), locale varchar(32), app_version integer, create_date date`;
const table = `create table public.user_logins (${columns});`;
const noIndexYet = /user_logins cannot be handed over/;

let database: TestDatabase;
let app: Client;

/** A database without the vault, and a session of a team's role that may create its table of logins in it. */
async function open(): Promise<void> {
  database = await createTestDatabase(null);
  await database.admin.query(`
    create role logins_team login password '${testPassword}';
    create schema app authorization logins_team;
    grant usage on schema app to public;
    grant create on schema public to logins_team`);
  app = new Client({
    host: '127.0.0.1',
    port: database.port,
    database: database.name,
    user: 'logins_team',
    password: testPassword,
  });
  app.on('error', () => undefined);
  await app.connect();
  await app.query(`
    create table app.loot (token text);
    grant insert on app.loot to public;
    create function app.norm(value text) returns text language plpgsql immutable as
      'begin return lower(value); end';
    create function app.fire() returns trigger language plpgsql as 'begin return new; end'`);
}

async function close(): Promise<void> {
  await app.end();
  await database.admin.query('drop owned by logins_team cascade; drop role logins_team');
  await database.drop();
}

/** Runs the file as the superuser; returns the warnings and notices it gave. */
async function bootstrap(): Promise<string[]> {
  const notices: string[] = [];
  const client = await database.admin.connect();
  client.on('notice', ({ message = '' }) => notices.push(message));
  try {
    await client.query(await bootstrapSql());
    return notices;
  } finally {
    client.release(true);
  }
}

const copy = `if current_user = 'vault_migrator' then perform app.copy(); end if;`;
const spies = [
  `create function app.copy() returns void language plpgsql as
     $$ begin insert into app.loot select encode(token, 'hex') from vault.pii_vault; end $$`,
  `create or replace function app.norm(value text) returns text language plpgsql immutable as
     $$ begin ${copy} return lower(value); end $$`,
  `create or replace function app.fire() returns trigger language plpgsql as
     $$ begin ${copy} return new; end $$`,
];

/** How it is hidden, what the hint tells an administrator to do, and what then runs it, as app or as the owner. */
const ways: Record<string, { hide: string; mend: string; app?: string; owner?: string }> = {
  'an index that ANALYZE evaluates': {
    hide: `${table} create index on public.user_logins (app.norm(user_id))`,
    mend: 'alter function app.norm(text) owner to postgres',
    owner: 'analyze public.user_logins',
  },
  'a check that an update evaluates': {
    hide: `${table} alter table public.user_logins add check (app.norm(user_id) is not null)`,
    mend: 'alter function app.norm(text) owner to postgres',
    owner: 'update public.user_logins set locale = locale',
  },
  'a domain that gets a check later': {
    hide: `create domain app.name as text; ${table} alter table public.user_logins add name app.name default 'n'`,
    mend: 'alter domain app.name owner to postgres',
    app: 'alter domain app.name add check (app.norm(value) is not null)',
    owner: `update public.user_logins set name = 'm'`,
  },
  'a trigger behind a foreign key that cascades': {
    hide: `create table app.users (id text primary key); insert into app.users values ('u');
      ${table} alter table public.user_logins add app_user text default 'u' references app.users on update cascade;
      create trigger fire before update on public.user_logins for each row execute function app.fire()`,
    mend: 'alter function app.fire() owner to postgres',
    app: `update app.users set id = 'v'`,
  },
  'an index that the owner of the table above it creates': {
    hide: `create table app.big (${columns}) partition by range (create_date);
      create table public.user_logins partition of app.big default`,
    mend: 'alter table app.big owner to postgres',
    app: 'create index on app.big (app.norm(user_id))',
  },
};

describe('who owned user_logins runs nothing as vault_migrator', () => {
  beforeEach(open);
  afterEach(close);

  it.each(Object.entries(ways))('by %s', async (_way, { hide, mend, ...run }) => {
    await app.query(hide);
    await app.query(
      `insert into public.user_logins (user_id, create_date) values ('u', '2026-01-01')`,
    );
    const refusal: unknown = await bootstrap().catch((error: unknown) => error);
    if (refusal instanceof Error) {
      expect(refusal.message).toMatch(noIndexYet);
      await database.admin.query(mend);
      expect(await bootstrap()).not.toContainEqual(expect.stringContaining('can run as'));
    }
    const migrator = database.as('vault_migrator');
    await migrate(migrator);
    await holdValues(database);

    // each step that is refused is left out
    for (const step of [...spies, run.app ?? '']) await app.query(step).catch(() => undefined);
    if (run.owner !== undefined) await migrator.query(run.owner);
    expect((await app.query('select * from app.loot')).rows).toEqual([]);
  });

  it('and keeps a table with indexes, checks and defaults of Postgres, and triggers for INSERT', async () => {
    await app.query(`
      create type app.plan as enum ('free', 'paid');
      ${table}
      alter table public.user_logins add plan app.plan default 'free', add plans app.plan[], add id uuid default gen_random_uuid();
      create index on public.user_logins (lower(user_id)) where length(user_id) > 3;
      alter table public.user_logins add check (app_version >= 0);
      create statistics public.by_user on lower(user_id), (app_version / 1000) from public.user_logins;
      create trigger fire before insert on public.user_logins for each row execute function app.fire()`);
    expect(await bootstrap()).toEqual([]);
    expect((await migrate(database.as('vault_migrator'))).findings).toEqual([]);
    expect(await findRotationObstacles(database.as('vault_auditor'), 2)).toEqual([]);
  });
});

/** What of the table runs code of another role, and how each is named. */
const hidden: [what: string, statement: string, phrase: string][] = [
  ['a key of partitions', '', 'table public.user_logins uses function app.norm(text)'],
  [
    'an index',
    'create index by_norm on public.user_logins (app.norm(masked_ip))',
    'index public.by_norm uses function app.norm(text)',
  ],
  [
    'the predicate of an index of one partition',
    'create index of_part on public.all_logins (user_id) where app.norm(user_id) is not null',
    'index public.of_part uses function app.norm(text)',
  ],
  [
    'a check',
    'alter table public.user_logins add constraint normal check (app.norm(user_id) is not null)',
    'constraint normal on table public.user_logins uses function app.norm(text)',
  ],
  [
    'a default',
    `alter table public.user_logins add filled text default app.norm('A')`,
    'default value for column filled of table public.user_logins uses function app.norm(text)',
  ],
  [
    'a generated column',
    'alter table public.user_logins add made text generated always as (app.norm(locale)) stored',
    'default value for column made of table public.user_logins uses function app.norm(text)',
  ],
  [
    'statistics',
    'create statistics public.spread on (app.norm(locale)), app_version from public.user_logins',
    'statistics object public.spread uses function app.norm(text)',
  ],
  [
    'an operator',
    `create function app.same(a text, b text) returns boolean language sql immutable return a = b;
     create operator app.=== (leftarg = text, rightarg = text, function = app.same);
     alter table public.user_logins add constraint same check (locale operator(app.===) locale)`,
    'constraint same on table public.user_logins uses function app.same(text,text)',
  ],
  [
    'a domain',
    'create domain app.name as text; alter table public.user_logins add name app.name',
    'table public.user_logins uses type app.name',
  ],
  [
    'a domain in a composite type in an array',
    `create domain app.part as text; create type app.whole as (part app.part);
     alter table public.user_logins add wholes app.whole[]`,
    'table public.user_logins uses type app.part',
  ],
  [
    'a trigger for updates',
    'create trigger fire before update on public.user_logins for each row execute function app.fire()',
    'trigger fire on table public.user_logins uses function app.fire()',
  ],
  [
    'a policy that also the owner has',
    `alter table public.user_logins enable row level security, force row level security;
     create policy own on public.user_logins using (app.norm(locale) <> 'x') with check (true)`,
    'policy own on table public.user_logins uses function app.norm(text)',
  ],
];

describe('before vault_migrator gets a table of logins that would run code of another role', () => {
  let refusal: unknown;
  let warnings: string[];
  let findings: string[];
  let obstacles: string[];
  beforeAll(async () => {
    await open();
    await app.query(`
      create table public.user_logins (${columns}) partition by list (app.norm(locale));
      create table public.all_logins partition of public.user_logins default`);
    for (const [, statement] of hidden) await app.query(statement);
    // of an administrator, with the code of another role
    await database.admin.query(`
      create domain public.checked as text check (app.norm(value) <> 'x');
      create function public.twice(value text) returns text language sql immutable
        return app.norm(value) || app.norm(value);
      grant execute on function public.twice(text) to public`);
    await app.query(`
      alter table public.user_logins add checked public.checked;
      create index by_twice on public.user_logins (public.twice(user_id))`);

    refusal = await bootstrap().catch((error: unknown) => error);
    // as release 0.3.0 did it
    await database.admin.query(`
      alter table public.user_logins owner to vault_migrator;
      alter table public.all_logins owner to vault_migrator`);
    warnings = await bootstrap();
    ({ findings } = await migrate(database.as('vault_migrator')));
    obstacles = await findRotationObstacles(database.as('vault_auditor'), 2);
  }, 60_000);
  afterAll(close);

  const cases: [what: string, phrase: string][] = [
    ...hidden.map(([what, , phrase]): [string, string] => [what, phrase]),
    [
      'a function in the check of another’s domain',
      'table public.user_logins uses function app.norm(text)',
    ],
    ['a function of another’s function', 'index public.by_twice uses function app.norm(text)'],
  ];
  it.each(cases)('%s is named', (_what, phrase) => {
    const named = `${phrase} of logins_team`;
    expect(refusal).toMatchObject({ message: expect.stringContaining(named) as string });
    expect(warnings).toContainEqual(expect.stringContaining(named));
    expect(findings).toContain(`${named}, which can run as vault_migrator`);
    expect(obstacles).toContain(
      `${named.replaceAll(/ public\./g, ' ')}, which can run as vault_migrator`,
    );
  });
});
