import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findRoleSettings } from '../../../db/role-settings.ts';
import {
  type Role,
  roles,
  rotationRole,
  type WorkingRole,
  workingRoles,
} from '../../../db/roles.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { switchRotation } from '../../helpers/rotation.ts';

const verbs = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'] as const;

/** docs/roles.md: what each role may do on tables, with the columns where that is not all. */
const documented: Record<WorkingRole, Record<string, string[]>> = {
  vault_ingest: {
    'public.user_logins': ['INSERT'],
    'public.ip_networks': ['INSERT', 'SELECT (masked_ip)'],
    'vault.pii_vault': ['INSERT (kind, data_key_id, token, ciphertext)', 'SELECT (token)'],
    'vault.data_keys': ['INSERT (id, wrapped_key, kms_key_arn)', 'SELECT (id)'],
    'vault.ingested_messages': ['INSERT', 'SELECT (message_id)'],
    'vault.attempts': ['INSERT (id, message_ids)', 'SELECT'],
    'vault.token_generation': ['SELECT'],
  },
  vault_reveal: {},
  vault_reveal_url: {},
  vault_break_glass: {},
  vault_approve: {},
  vault_tokenize: {},
  vault_erase: {},
  vault_maintain: { 'vault.reveal_audit': ['SELECT'], 'vault.audit_checkpoints': ['SELECT'] },
  vault_analyst: { 'public.user_logins': ['SELECT'], 'public.ip_networks': ['SELECT'] },
  vault_auditor: {
    'vault.reveal_audit': ['SELECT'],
    'vault.audit_checkpoints': ['SELECT'],
    'vault.data_keys': ['SELECT (kms_key_arn, created_at)'],
  },
};

const reveal = ['claim_reveal', 'report_fault', 'take_revealed'];

/** docs/roles.md: the functions of the schema vault that each role may execute. */
const executable: Record<WorkingRole, string[]> = {
  vault_ingest: ['end_attempt', 'end_stale_sessions', 'forget_attempts', 'suppressed'],
  vault_reveal: reveal,
  vault_reveal_url: [
    'claim_reveal',
    'own_requests',
    'report_fault',
    'request_reveal',
    'take_revealed',
    'withdraw_request',
  ],
  vault_break_glass: reveal,
  vault_approve: [
    'acknowledge_break_glass',
    'decide_request',
    'open_break_glass',
    'open_requests',
    'requested_tokens',
  ],
  vault_tokenize: ['look_up', 'present_generation'],
  vault_erase: ['erase', 'lift'],
  vault_maintain: [
    'add_checkpoint',
    'audit_chain_head',
    'drop_spent_keys',
    'end_stale_sessions',
    'expire_requests',
    'expire_values',
    'open_break_glass',
    'prune_ledger',
    'prune_requests',
  ],
  vault_analyst: [],
  vault_auditor: ['audit_chain_head'],
};

const names = workingRoles.map(({ name }) => name);

const tables = [
  'public.ip_networks',
  'public.user_logins',
  'vault.approval_rule',
  'vault.attempts',
  'vault.audit_checkpoints',
  'vault.audit_head',
  'vault.break_glass',
  'vault.data_keys',
  'vault.ingested_messages',
  'vault.limits',
  'vault.migrations',
  'vault.pii_vault',
  'vault.retention',
  'vault.reveal_audit',
  'vault.reveal_claims',
  'vault.reveal_requests',
  'vault.rotation',
  'vault.token_generation',
  'vault.token_map',
  'vault.tombstones',
  'vault.usage',
];

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe('the role matrix', () => {
  it('names every table there is', async () => {
    const { rows } = await database.admin.query<{ name: string }>(`
      select schemaname || '.' || tablename as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema') order by name`);
    expect(rows.map(({ name }) => name)).toEqual(tables);
  });

  it('names every role there is', async () => {
    const { rows } = await database.admin.query<{ rolname: string }>(
      `select rolname from pg_roles where rolname like 'vault%'`,
    );
    expect(rows.map(({ rolname }) => rolname).toSorted()).toEqual([...roles].toSorted());
  });

  it('gives no role more than it says, in any schema', async () => {
    for (const role of names) {
      expect(await rightsOf(role), role).toEqual(documented[role]);
    }
  });

  it('lets each role execute the functions that it says, and PUBLIC none', async () => {
    for (const role of [...names, 'public'] as const) {
      expect(await functionsOf(role), role).toEqual(role === 'public' ? [] : executable[role]);
    }
  });

  it('pins the search path of every function, with the temporary schema last', async () => {
    const { rows } = await database.admin.query(
      `select proname, proconfig from pg_proc
       where pronamespace = 'vault'::regnamespace
         and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)`,
    );
    expect(rows).toEqual([]);
  });

  it('lets no role create anything, anywhere', async () => {
    const { rows } = await database.admin.query(
      `select rolname, may from pg_roles cross join lateral (
         values
           ('temporary', has_database_privilege(pg_roles.oid, current_database(), 'temporary')),
           ('schemas', has_database_privilege(pg_roles.oid, current_database(), 'create')),
           ('in public', has_schema_privilege(pg_roles.oid, 'public', 'create')),
           ('in vault', has_schema_privilege(pg_roles.oid, 'vault', 'create')),
           ('large objects', has_function_privilege(pg_roles.oid, 'lo_create(oid)', 'execute')
             or has_function_privilege(pg_roles.oid, 'lo_creat(integer)', 'execute')
             or has_function_privilege(pg_roles.oid, 'lo_from_bytea(oid, bytea)', 'execute')),
           ('advisory locks', has_function_privilege(pg_roles.oid, 'pg_advisory_lock(bigint)', 'execute')
             or has_function_privilege(pg_roles.oid, 'pg_try_advisory_xact_lock(bigint)', 'execute'))
       ) as right_of (may, it_may)
       where rolname = any ($1) and it_may`,
      [names],
    );
    expect(rows).toEqual([]);
  });

  it('limits the connections of each role, and all of them leave some for others', async () => {
    const { rows } = await database.admin.query<{ name: string; limit: number; max: number }>(
      `select rolname as name, rolconnlimit as limit, current_setting('max_connections')::integer as max
       from pg_roles where rolname = any ($1)`,
      [names],
    );
    for (const { name, connectionShare } of workingRoles) {
      const found = rows.find((row) => row.name === name);
      expect(found?.limit, name).toBe(Math.floor(found!.max * connectionShare));
    }
    expect(rows.reduce((sum, { limit }) => sum + limit, 0)).toBeLessThan(rows[0]!.max);
  });

  it('sets for each role what db/roles.ts says', async () => {
    expect(await findRoleSettings(database.admin)).toEqual([]);
  });

  it('gives no right to PUBLIC, and no role is member of another or superuser', async () => {
    const { rows } = await database.admin.query(`
      select 1 from information_schema.role_table_grants
      where grantee = 'PUBLIC' and table_schema in ('vault', 'public')
      union all select 1 from pg_roles where rolname like 'vault%' and (rolsuper or rolbypassrls)
      union all select 1 from pg_auth_members m join pg_roles r on r.oid = m.member
        where r.rolname like 'vault%' and r.rolname <> 'vault_migrator'
      union all select 1 from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'vault' and has_function_privilege('public', p.oid, 'execute')`);
    expect(rows).toEqual([]);
  });

  it('leaves analysts no way into the schema vault', async () => {
    await expect(
      database.as('vault_analyst').query('select 1 from vault.pii_vault'),
    ).rejects.toThrow('permission denied for schema vault');
  });

  // what is granted above is tried here, so that triggers and column rights count too
  it.each(names)('%s is refused what the table does not give', async (role) => {
    const pool = database.as(role);
    for (const table of tables) {
      const allowed = documented[role][table] ?? [];
      for (const verb of verbs) {
        const attempt = pool.query(statementOf(verb, table)).then(
          () => 'allowed',
          (error: Error) => (/permission denied/.test(error.message) ? 'refused' : 'allowed'),
        );
        const expected = allowed.includes(verb) ? 'allowed' : 'refused';
        expect(await attempt, `${role} ${verb} ${table}`).toBe(expected);
      }
    }
  });

  it.each(['UPDATE', 'DELETE', 'TRUNCATE'] as const)(
    'refuses the owner %s on the audit',
    async (verb) => {
      const owner = database.as('vault_migrator');
      await expect(owner.query(statementOf(verb, 'vault.reveal_audit'))).rejects.toThrow(
        'vault.reveal_audit is append-only',
      );
      // as replication applies rows, ordinary triggers do not fire
      await expect(
        database.admin.query(
          `set session_replication_role = replica; ${statementOf(verb, 'vault.reveal_audit')}`,
        ),
      ).rejects.toThrow('vault.reveal_audit is append-only');
    },
  );
});

describe('the role matrix while the token key may be replaced', () => {
  beforeAll(() => switchRotation(database, true));
  // the role belongs to the whole server
  afterAll(() => switchRotation(database, false));

  it('has one role more, which has functions and no table', async () => {
    expect(await rightsOf(rotationRole.name)).toEqual({});
    expect(await functionsOf(rotationRole.name)).toEqual([
      'abort_rotation',
      'begin_rotation',
      'current_token',
      'finish_rotation',
      'former_tokens_left',
      'map_networks',
      'map_tokens',
      'pause_rotation',
      'rotation_page',
      'rotation_rest',
      'rotation_state',
      'swap_tokens',
      'sweep_tokens',
    ]);
    const pool = database.as(rotationRole.name);
    for (const table of tables) {
      for (const verb of verbs) {
        await expect(pool.query(statementOf(verb, table)), `${verb} ${table}`).rejects.toThrow(
          'permission denied',
        );
      }
    }
    const { rows } = await database.admin.query(
      `select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,
         (select count(*)::integer from pg_auth_members where member = role.oid) as memberships
       from pg_roles as role where rolname = $1`,
      [rotationRole.name],
    );
    expect(rows).toMatchObject([
      {
        rolsuper: false,
        rolcreaterole: false,
        rolcreatedb: false,
        rolbypassrls: false,
        rolreplication: false,
        memberships: 0,
      },
    ]);
  });

  it('lets analysts translate tokens, and changes nothing else of any role', async () => {
    for (const role of names) {
      expect(await rightsOf(role), role).toEqual(documented[role]);
      const expected = role === 'vault_analyst' ? ['current_token'] : executable[role];
      expect(await functionsOf(role), role).toEqual(expected);
    }
    expect(await functionsOf('public')).toEqual([]);
  });

  it('is as it was once that is over', async () => {
    await switchRotation(database, false);
    const { rows } = await database.admin.query(
      `select from pg_roles where rolname = 'vault_rotate'`,
    );
    expect(rows).toEqual([]);
    expect(await functionsOf('vault_analyst')).toEqual([]);
    await expect(
      database.as('vault_analyst').query(`select vault.current_token('{}')`),
    ).rejects.toThrow('permission denied for schema vault');
  });
});

/** The functions of the schema vault that the role may execute. */
async function functionsOf(role: Role | 'public'): Promise<string[]> {
  const { rows } = await database.admin.query<{ name: string }>(
    `select proname as name from pg_proc
     where pronamespace = 'vault'::regnamespace and has_function_privilege($1, oid, 'execute')
     order by name`,
    [role],
  );
  return rows.map(({ name }) => name);
}

function statementOf(verb: (typeof verbs)[number], table: string): string {
  return {
    SELECT: `select * from ${table} limit 0`,
    INSERT:
      `insert into ${table} select * from (select null::${table}) as nothing (row) where false`.replace(
        'select * from',
        'select (row).* from',
      ),
    UPDATE: `update ${table} set ${table === 'public.user_logins' ? 'user_id = user_id' : firstColumn(table)} where false`,
    DELETE: `delete from ${table}`,
    TRUNCATE: `truncate ${table}`,
  }[verb];
}

function firstColumn(table: string): string {
  const column: Record<string, string> = {
    'vault.approval_rule': 'stage',
    'vault.attempts': 'id',
    'vault.audit_head': 'id',
    'vault.break_glass': 'id',
    'vault.audit_checkpoints': 'id',
    'vault.data_keys': 'id',
    'vault.ingested_messages': 'message_id',
    'public.ip_networks': 'masked_ip',
    'vault.limits': 'role',
    'vault.retention': 'days',
    'vault.reveal_claims': 'role',
    'vault.reveal_requests': 'id',
    'vault.rotation': 'phase',
    'vault.token_map': 'token',
    'vault.usage': 'role',
    'vault.token_generation': 'generation',
    'vault.tombstones': 'token',
    'vault.migrations': 'id',
    'vault.pii_vault': 'token',
    'vault.reveal_audit': 'id',
  };
  return `${column[table]} = ${column[table]}`;
}

/** Each table that the role has any right on, with its verbs, and columns where not all. */
async function rightsOf(role: Role): Promise<Record<string, string[]>> {
  const { rows } = await database.admin.query<{ name: string; rights: string[] }>(
    `
    with verb as materialized (
      select verb from unnest($2::text[]) as verb
      -- Postgres 16 does not know this right
      where verb <> 'MAINTAIN' or current_setting('server_version_num')::integer >= 170000
    ),
    tables as (
      select c.oid, n.nspname || '.' || c.relname as name from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'f')
        and n.nspname not in ('pg_catalog', 'information_schema')
    ), rights as (
      select name, case
        when has_table_privilege($1, oid, verb) then verb
        when verb in ('SELECT', 'INSERT', 'UPDATE') and has_any_column_privilege($1, oid, verb) then
          verb || ' (' || (
            select string_agg(attname, ', ' order by attnum) from pg_attribute
            where attrelid = oid and attnum > 0 and has_column_privilege($1, oid, attnum, verb)
          ) || ')'
        end as granted
      from tables cross join verb
    )
    select name, array_agg(granted order by granted) as rights from rights
    where granted is not null group by name`,
    [role, [...verbs, 'REFERENCES', 'TRIGGER']],
  );
  return Object.fromEntries(rows.map(({ name, rights }) => [name, rights]));
}
