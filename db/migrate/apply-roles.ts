import { sql } from 'drizzle-orm';

import { DatabaseUnfit } from '../../lib/errors.ts';
import { type Connection, run, statement, withoutParameters } from '../query.ts';
import { findRoleSettings, settingsPhrase } from '../role-settings.ts';
import type { RoleProfile } from '../roles.ts';

const rolesStatement = statement<{
  name: RoleProfile['name'];
  exists: boolean;
  canAlter: boolean;
  isMember: boolean;
  needsIam: boolean;
  canGrantIam: boolean;
  connections: number;
  wantedConnections: number;
}>(
  'vault_roles',
  sql`
  select
    wanted.name, found.oid is not null as exists,
    coalesce(
      pg_has_role(found.oid, 'member with admin option')
        or (select rolsuper from pg_roles where rolname = current_user),
      true
    ) as "canAlter",
    coalesce(pg_has_role('vault_migrator', found.oid, 'usage'), false) as "isMember",
    iam.oid is not null and not coalesce(pg_has_role(found.oid, iam.oid, 'member'), false) as "needsIam",
    coalesce(pg_has_role(iam.oid, 'member with admin option'), false) as "canGrantIam",
    found.rolconnlimit as connections,
    greatest(3, floor(current_setting('max_connections')::integer * wanted.share))::integer
      as "wantedConnections"
  from unnest(${sql.placeholder('names')}::text[], ${sql.placeholder('shares')}::float8[]) as wanted (name, share)
  left join pg_roles as found on found.rolname = wanted.name
  left join pg_roles as iam on iam.rolname = 'rds_iam'
`,
);

/**
 * Creates the roles that do not exist, and gives each its settings and connection limit, and nothing
 * else. Returns a phrase for each thing that it reset or that only an administrator can do. Throws
 * `DatabaseUnfit` for a role that somebody else created and that it may not change; and `DatabaseError`.
 */
export async function applyRoles(
  connection: Connection,
  profiles: readonly RoleProfile[],
): Promise<string[]> {
  const roles = await run(connection, rolesStatement, {
    names: profiles.map(({ name }) => name),
    shares: profiles.map(({ connectionShare }) => connectionShare),
  });
  const foreign = roles.filter(({ canAlter }) => !canAlter);
  if (foreign.length > 0) {
    throw new DatabaseUnfit(
      foreign.map(
        ({ name }) => `the role ${name} is not vault_migrator's to change: run db/bootstrap.sql`,
      ),
    );
  }
  // names and settings are this release's own constants
  const change = (script: string) => withoutParameters(() => connection.query(script));
  for (const { name, exists } of roles) if (!exists) await change(`create role ${name} login`);

  const findings: string[] = [];
  for (const { name, settings } of await findRoleSettings(connection, profiles)) {
    if (settings.length > 0 && roles.some((role) => role.name === name && role.exists)) {
      findings.push(`reset ${settingsPhrase(name, settings)}`);
    }
    const { rows } = await change(`select current_database() as name`);
    const database = quoted(String(rows[0]?.['name']));
    await change(`alter role ${name} reset all`);
    await change(`alter role ${name} in database ${database} reset all`);
    const profile = profiles.find((role) => role.name === name);
    for (const [setting, value] of Object.entries(profile?.settings ?? {})) {
      await change(`alter role ${name} set ${setting} = '${value}'`);
    }
  }
  for (const role of roles) {
    if (role.connections !== role.wantedConnections) {
      await change(`alter role ${role.name} connection limit ${role.wantedConnections}`);
    }
    // so that vault.end_stale_sessions may end its sessions; not so as to become it
    if (!role.isMember) {
      await change(`grant ${role.name} to vault_migrator with inherit true, set false`);
    }
    if (role.needsIam && role.canGrantIam) await change(`grant rds_iam to ${role.name}`);
    else if (role.needsIam) {
      findings.push(`${role.name} cannot log in by IAM: run db/bootstrap.sql as administrator`);
    }
  }
  return findings;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
