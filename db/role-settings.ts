import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from './query.ts';
import { type RoleProfile, workingRoles } from './roles.ts';

const settingsStatement = statement<{
  role: RoleProfile['name'];
  database: string | null;
  setting: string;
}>(
  'role_settings',
  sql`
  select rolname as role, datname as database, setting
  from pg_db_role_setting
  join pg_roles on pg_roles.oid = setrole
  left join pg_database on pg_database.oid = setdatabase
  cross join unnest(setconfig) as setting
  where rolname = any (${sql.placeholder('names')}::text[])
    and (setdatabase = 0 or datname = current_database())
  order by role, database nulls first, setting
`,
);

/** A role whose settings differ from its profile. */
export interface ChangedRole {
  name: RoleProfile['name'];
  /** Names of settings that are not ours or have another value; empty where ours are missing. */
  settings: string[];
}

/**
 * The roles whose settings differ from db/roles.ts: every role can change its own. Any role may call
 * this. Throws `DatabaseError`.
 */
export async function findRoleSettings(
  connection: Connection,
  profiles: readonly RoleProfile[] = workingRoles,
): Promise<ChangedRole[]> {
  const names = profiles.map(({ name }) => name);
  const rows = await run(connection, settingsStatement, { names });
  return profiles
    .map(({ name, settings: ours }) => {
      const wanted = new Set(Object.entries(ours).map(([key, value]) => `${key}=${value}`));
      const found = rows.filter(({ role }) => role === name);
      const right = found.filter(
        ({ database, setting }) => database === null && wanted.has(setting),
      );
      const settings = found
        .filter((row) => !right.includes(row))
        .map(({ setting }) => setting.slice(0, setting.indexOf('=')));
      return { name, settings, isRight: settings.length === 0 && right.length === wanted.size };
    })
    .filter(({ isRight }) => !isRight)
    .map(({ name, settings }) => ({ name, settings }));
}

/** Such as `settings of vault_reveal: synchronous_commit`; it does not show the values. */
export function settingsPhrase(name: RoleProfile['name'], settings: readonly string[]): string {
  return `settings of ${name}: ${settings.join(', ') || 'its own are missing'}`;
}
