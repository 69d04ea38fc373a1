import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { migrate } from '../../../db/migrate/migrate.ts';
import { createPool } from '../../../db/pool.ts';
import { roles } from '../../../db/roles.ts';
import {
  bootstrapSql,
  type Server,
  startEmptyPostgres,
  testPassword,
} from '../../helpers/postgres.ts';

const databases = ['vault', 'other'];

let server: Server;
let clients: Client[] = [];
beforeAll(async () => {
  server = await startEmptyPostgres();
});
afterAll(() => server.stop());

/** A session of its own; it ends with the test. */
async function login(user: string, database = 'vault'): Promise<Client> {
  const client = new Client({
    host: '127.0.0.1',
    port: server.port,
    user,
    database,
    password: testPassword,
  });
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

/** Runs the file as that user, whose session has these settings; returns the notices it gave. */
async function bootstrap(user = 'postgres', settings = ''): Promise<string[]> {
  const client = await login(user);
  const notices: string[] = [];
  client.on('notice', ({ message = '' }) => notices.push(message));
  await client.query(settings);
  await client.query(await bootstrapSql());
  return notices;
}

async function ask<T>(sql: string, values: unknown[] = []): Promise<T[]> {
  const superuser = await login('postgres');
  return (await superuser.query<T & Record<string, unknown>>(sql, values)).rows;
}

/** Lets each role that is there log in with the tests' password. */
async function passwords(): Promise<void> {
  const found = await ask<{ rolname: string }>(
    'select rolname from pg_roles where rolname = any ($1)',
    [roles],
  );
  await ask(
    found.map(({ rolname }) => `alter role ${rolname} password '${testPassword}'`).join(';'),
  );
}

async function migrateVault(): Promise<void> {
  const pool = createPool({
    host: '127.0.0.1',
    port: server.port,
    database: 'vault',
    user: 'vault_migrator',
    password: testPassword,
    tls: false,
  });
  try {
    await migrate(pool);
  } finally {
    await pool.end();
  }
}

/** The vault's roles, who is a member of them, and the rights on the database. */
function state(): Promise<unknown[]> {
  return ask(`
    select rolname, to_jsonb(m) - 'oid' as membership, datacl::text
    from pg_roles left join pg_auth_members as m on m.roleid = pg_roles.oid, pg_database
    where rolname like 'vault%' and datname = current_database() order by rolname`);
}

/** The members of rds_iam beside the administrator, and whether they may pass it on. */
function holders(): Promise<{ member: string; admin_option: boolean }[]> {
  return ask(`
    select member::regrole::text as member, bool_or(admin_option) as admin_option
    from pg_auth_members
    where roleid = 'rds_iam'::regrole and member <> 'admin'::regrole group by 1 order by 1`);
}

/** Lets each test begin and end without the vault's roles, which belong to the cluster. */
function eachFromScratch(): void {
  beforeEach(makeDatabases);
  afterEach(removeAll);
}

async function makeDatabases(): Promise<void> {
  const superuser = await login('postgres', 'postgres');
  await superuser.query(`create role admin login createrole createdb password '${testPassword}'`);
  for (const name of databases) await superuser.query(`create database ${name} strategy file_copy`);
}

async function removeAll(): Promise<void> {
  await Promise.all(clients.map((client) => client.end()));
  clients = [];
  const superuser = await login('postgres', 'postgres');
  for (const name of databases) await superuser.query(`drop database ${name}`);
  const { rows } = await superuser.query<{ rolname: string }>(
    `select quote_ident(rolname) as rolname from pg_roles where oid >= 16384`,
  );
  for (const { rolname } of rows) {
    await superuser.query(`drop owned by ${rolname} cascade; drop role ${rolname}`);
  }
  await superuser.end();
  clients = [];
}

describe('db/bootstrap.sql makes every role', () => {
  eachFromScratch();
  it('and lets vault_migrator manage them, but not become them', async () => {
    await bootstrap();
    const made = await ask(`
      select rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls,
        rolreplication, admin_option, inherit_option, set_option
      from pg_roles left join pg_auth_members on roleid = pg_roles.oid
      where rolname like 'vault%' order by rolname`);
    expect(made).toEqual(
      roles.toSorted().map((rolname) => ({
        rolname,
        rolcanlogin: true,
        rolsuper: false,
        rolcreaterole: rolname === 'vault_migrator',
        rolcreatedb: false,
        rolbypassrls: false,
        rolreplication: false,
        admin_option: rolname === 'vault_migrator' ? null : true,
        inherit_option: rolname === 'vault_migrator' ? null : true,
        set_option: rolname === 'vault_migrator' ? null : false,
      })),
    );

    await passwords();
    const migrator = await login('vault_migrator');
    const analyst = await login('vault_analyst');
    await migrator.query('alter role vault_analyst connection limit 5');
    await migrator.query(`alter role vault_analyst set statement_timeout = '1s'`);
    const { rows } = await migrator.query(
      `select pg_terminate_backend(pid) as ended from pg_stat_activity
       where usename = 'vault_analyst'`,
    );
    expect(rows).toEqual([{ ended: true }]);
    await expect(analyst.query('select')).rejects.toThrow();
  });

  it('again and again, and changes nothing then', async () => {
    await bootstrap();
    await passwords();
    const fresh = await state();
    expect(await bootstrap()).toEqual([]);
    await migrateVault();
    await bootstrap();
    await migrateVault();
    expect(await state()).toEqual(fresh);
  });

  it.each(['superuser', 'createrole', 'createdb', 'bypassrls', 'replication'])(
    'but refuses one that is there with the attribute %s',
    async (attribute) => {
      await ask(`create role vault_reveal ${attribute}`);
      await expect(bootstrap()).rejects.toThrow(
        'these roles have attributes that the vault does not give them: vault_reveal',
      );
      const left = await ask(`select from pg_roles where rolname = 'vault_migrator'`);
      expect(left).toEqual([]);
    },
  );
});

describe('db/bootstrap.sql with a role rds_iam that vault_migrator made', () => {
  eachFromScratch();
  it('names the role that cannot have it, and goes on', async () => {
    await bootstrap();
    await passwords();
    const migrator = await login('vault_migrator');
    await migrator.query('create role rds_iam');
    await migrator.query('grant vault_analyst to rds_iam');
    expect(await bootstrap()).toEqual([
      expect.stringContaining('vault_analyst cannot be granted rds_iam'),
    ]);
    const members = (await holders()).map(({ member }) => member);
    expect(members).toEqual(
      expect.arrayContaining(roles.filter((role) => role !== 'vault_analyst')),
    );
  });
});

describe('db/bootstrap.sql on a table of logins that is partitioned', () => {
  eachFromScratch();
  beforeEach(async () => {
    await ask(`
      create role team_owner;
      create table public.user_logins (user_id text, create_date date) partition by range (create_date);
      create table public.old_logins partition of public.user_logins
        for values from (minvalue) to ('2026-01-01') partition by range (create_date);
      create table public.older_logins partition of public.old_logins default;
      alter table public.user_logins owner to team_owner;
      alter table public.old_logins owner to team_owner;
      alter table public.older_logins owner to team_owner;
    `);
  });

  it('hands its partitions over with it, and the former owner keeps its rights on their rows', async () => {
    await bootstrap();
    const tables = await ask(`
      select relname, pg_get_userbyid(relowner) as owner,
        has_table_privilege('team_owner', oid, 'select, insert, update, delete, truncate') as kept
      from pg_class where relname like '%_logins' order by relname`);
    const handedOver = { owner: 'vault_migrator', kept: true };
    expect(tables).toEqual([
      { relname: 'old_logins', ...handedOver },
      { relname: 'older_logins', ...handedOver },
      { relname: 'user_logins', ...handedOver },
    ]);
    await passwords();
    const migrator = await login('vault_migrator');
    await migrator.query('alter table public.user_logins add column masked_new varchar(256)');
  });

  it('lets no former owner run code as a role that writes to it, also where it did before', async () => {
    const canTrap = () =>
      ask<{ relname: string; may: boolean }>(`
        select relname, has_table_privilege('team_owner', oid, 'trigger') as may
        from pg_class where relname like '%_logins' order by relname`);
    const nobody = ['old_logins', 'older_logins', 'user_logins'].map((relname) => ({
      relname,
      may: false,
    }));
    await bootstrap();
    expect(await canTrap()).toEqual(nobody);

    await ask('grant all on public.user_logins, public.older_logins to team_owner');
    await ask('grant trigger on public.user_logins to public');
    expect(await bootstrap()).toContain(
      'PUBLIC may no longer create triggers on public.user_logins',
    );
    expect(await canTrap()).toEqual(nobody);

    await ask('grant all on public.old_logins to team_owner');
    await ask('grant vault_migrator to admin with admin option, inherit false');
    await ask('alter database vault owner to admin; alter schema public owner to admin');
    await bootstrap('admin');
    expect(await canTrap()).toEqual(nobody);
  });

  it('names a partition that its administrator may not hand over', async () => {
    await ask('grant team_owner to admin');
    await ask('alter table public.older_logins owner to postgres');
    await ask('alter database vault owner to admin; alter schema public owner to admin');
    expect(await bootstrap('admin')).toContain(
      'public.older_logins still belongs to postgres: no release can add a column to user_logins',
    );
    const [table] = await ask<{ owner: string }>(
      `select pg_get_userbyid(relowner) as owner from pg_class where relname = 'user_logins'`,
    );
    expect(table?.owner).toBe('vault_migrator');
  });
});

describe('after db/bootstrap.sql', () => {
  beforeAll(async () => {
    await makeDatabases();
    await bootstrap();
    await passwords();
    await migrateVault();
  });
  afterAll(removeAll);

  it.each(roles)('%s can make no temporary object and no large object', async (role) => {
    const client = await login(role);
    await expect(client.query('create temporary table kept ()')).rejects.toThrow(
      /permission denied to create temporary tables/,
    );
    await expect(client.query('create domain pg_temp.text as pg_catalog.text')).rejects.toThrow(
      /permission denied/,
    );
    const large = [
      'lo_creat(-1)',
      'lo_create(0)',
      `lo_from_bytea(0, 'x')`,
      `lo_import('/etc/hostname')`,
      `lo_import('/etc/hostname', 0)`,
      `lo_put(1, 0, 'x')`,
      `lowrite(0, 'x')`,
    ];
    for (const call of large) {
      await expect(client.query(`select ${call}`), call).rejects.toThrow(/permission denied/);
    }
  });

  it.each(roles.filter((role) => role !== 'vault_migrator'))(
    '%s can make nothing in the schema public, even where vault_migrator had allowed it',
    async (role) => {
      const migrator = await login('vault_migrator');
      await ask('grant create on schema public to vault_migrator with grant option');
      await migrator.query(`grant create on schema public to public, ${role}`);
      await bootstrap();
      const client = await login(role);
      await expect(client.query('create table public.kept ()')).rejects.toThrow(
        'permission denied for schema public',
      );
    },
  );
});

/** Each runs as vault_migrator, and makes a superuser of it if an administrator calls what it made. */
const become = `
  begin
    if current_setting('is_superuser') = 'on' then
      execute 'alter role vault_migrator superuser';
    end if;`;
const attacks: Record<string, string> = {
  'defines public.format(text, name)': `
    create function public.format(template text, value name) returns text language plpgsql as
      $$${become} return pg_catalog.format(template, value::text); end $$`,
  'defines format(text, text) in a schema with the name of the administrator': `
    create schema postgres;
    create function postgres.format(template text, value text) returns text language plpgsql as
      $$${become} return pg_catalog.format(template, variadic array[value]); end $$;
    create function postgres.format(template text, value name) returns text language plpgsql as
      $$${become} return pg_catalog.format(template, variadic array[value::text]); end $$;
    grant usage on schema postgres to public`,
  'defines current_database()': `
    create function public.current_database() returns name language plpgsql as
      $$${become} return pg_catalog.current_database(); end $$`,
  'defines operators of names': `
    create function public.same(a name, b name) returns boolean language plpgsql as
      $$${become} return a::text operator(pg_catalog.=) b::text; end $$;
    create function public.differs(a name, b name) returns boolean language plpgsql as
      $$${become} return a::text operator(pg_catalog.<>) b::text; end $$;
    create operator public.= (leftarg = name, rightarg = name, function = public.same);
    create operator public.<> (leftarg = name, rightarg = name, function = public.differs)`,
  'defines a type named text': `
    create function public.accepts(value pg_catalog.text) returns boolean language plpgsql as
      $$${become} return true; end $$;
    create domain public.text as pg_catalog.text check (public.accepts(value))`,
  'puts a view in the place of user_logins': `
    create function public.seen() returns integer language plpgsql as
      $$${become} return 1; end $$;
    alter table public.user_logins rename to moved;
    create view public.user_logins as select public.seen() as user_id`,
  'puts views in the place of catalogs': `
    create function public.seen() returns name language plpgsql as
      $$${become} return 'vault_migrator'; end $$;
    create view public.pg_roles as select public.seen() as rolname, true as rolsuper;
    create view public.pg_tables as select public.seen() as tableowner`,
  'has a trigger, a default and a policy on user_logins': `
    create function public.fired() returns trigger language plpgsql as
      $$${become} return new; end $$;
    create function public.filled() returns text language plpgsql as
      $$${become} return ''; end $$;
    create trigger fired before insert or update or delete on public.user_logins
      for each row execute function public.fired();
    alter table public.user_logins alter user_id set default public.filled();
    alter table public.user_logins enable row level security;
    create policy filled on public.user_logins using (public.filled() = '')`,
};

describe('db/bootstrap.sql run again on a database whose vault_migrator is hostile', () => {
  eachFromScratch();
  beforeEach(async () => {
    await bootstrap();
    await passwords();
    await migrateVault();
  });

  const paths = {
    'the default search path': '',
    'public first': 'set search_path = public, pg_catalog',
  };
  const cases = Object.keys(attacks).flatMap((attack) =>
    Object.entries(paths).map(([path, settings]) => [attack, path, settings] as const),
  );
  it.each(cases)('gives it nothing where it %s, with %s', async (attack, _, settings) => {
    const migrator = await login('vault_migrator');
    await migrator.query(attacks[attack]!);
    await bootstrap('postgres', settings);
    // a table of another owner is handed over, which the first run had no reason to do
    await ask('alter table if exists public.moved owner to postgres');
    await ask(
      `do $$ begin
         if (select relkind from pg_catalog.pg_class where oid = 'public.user_logins'::regclass) = 'r'
         then alter table public.user_logins owner to postgres; end if;
       end $$`,
    );
    await bootstrap('postgres', settings);
    const { rows } = await migrator.query(
      'select rolsuper from pg_catalog.pg_roles where rolname = current_user',
    );
    expect(rows).toEqual([{ rolsuper: false }]);
  });

  it('is met by no event trigger: vault_migrator cannot make one', async () => {
    const migrator = await login('vault_migrator');
    await migrator.query(
      'create function public.fired() returns event_trigger language plpgsql as $$begin end$$',
    );
    await expect(
      migrator.query(
        'create event trigger fired on ddl_command_end execute function public.fired()',
      ),
    ).rejects.toThrow('permission denied to create event trigger');
  });
});

describe('db/bootstrap.sql where roles log in by IAM, as on RDS', () => {
  eachFromScratch();
  beforeEach(async () => {
    await ask(`
      create role rds_iam;
      create role analyst_of_another_team;
      grant rds_iam to admin with admin option;
      alter database vault owner to admin`);
  });

  const all = roles.toSorted().map((member) => ({ member, admin_option: false }));

  it.each(['postgres', 'admin'])('run by %s lets every role log in by IAM', async (user) => {
    await bootstrap(user);
    expect(await holders()).toEqual(all);
    await bootstrap(user);
    expect(await holders()).toEqual(all);
  });

  it.each(['postgres', 'admin'])(
    'run by %s ends that vault_migrator makes other roles log in by IAM',
    async (user) => {
      // as the release before left it
      await bootstrap(user);
      await passwords();
      const administrator = await login(user);
      await administrator.query('grant rds_iam to vault_migrator with admin option');
      const migrator = await login('vault_migrator');
      await migrator.query('grant rds_iam to vault_reveal');
      await migrator.query('grant rds_iam to analyst_of_another_team');

      const notices = await bootstrap(user);
      expect(notices).toContainEqual(expect.stringMatching(/analyst_of_another_team$/));
      expect(await holders()).toEqual(all);
      await expect(migrator.query('grant rds_iam to analyst_of_another_team')).rejects.toThrow(
        'permission denied to grant role "rds_iam"',
      );
    },
  );

  it('run by an administrator who is not a superuser says what it cannot do', async () => {
    const notices = await bootstrap('admin');
    expect(notices).toEqual([
      'every role may still create large objects and fill the lock table: only a superuser can revoke that',
    ]);
    await passwords();
    await migrateVault();
    for (const role of roles) {
      await expect((await login(role)).query('create temporary table kept ()')).rejects.toThrow(
        /permission denied to create temporary tables/,
      );
    }
    expect(await bootstrap('admin')).toEqual(notices);
  });

  it('run by an administrator who does not own the database names each right that is left', async () => {
    await ask(`
      alter database vault owner to postgres;
      grant create on database vault to admin with grant option;
      grant usage, create on schema public to admin with grant option`);
    const notices = await bootstrap('admin');
    for (const role of roles) {
      expect(notices).toContain(
        `${role} may still create temporary objects: ` +
          'the owner of database vault has to revoke TEMPORARY',
      );
    }
  });

  it('run by an administrator who is not a superuser, where vault_migrator made the roles', async () => {
    await bootstrap('postgres');
    await passwords();
    await ask('drop role vault_tokenize, vault_reveal_url');
    const migrator = await login('vault_migrator');
    await migrator.query('create role vault_tokenize login');
    const notices = await bootstrap('admin');
    expect(notices).toContainEqual(
      expect.stringMatching(/^vault_tokenize was made by another role/),
    );
  });
});
