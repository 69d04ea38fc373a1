import { sql } from 'drizzle-orm';
import type { Pool } from 'pg';

import type { ApprovalRule, RoleLimits } from '../../lib/config.ts';
import type { TokenKeyArns } from '../../lib/crypto/kms.ts';
import { DatabaseError, DatabaseUnfit } from '../../lib/errors.ts';
import { type Connection, run, statement, transaction } from '../query.ts';
import { rotationRole, workingRoles } from '../roles.ts';
import { writeApprovalRule } from '../write-approval-rule.ts';
import { writeLimits } from '../write-limits.ts';
import { writeRetention } from '../write-retention.ts';
import { applyFunctionsAndGrants, applyMigrations } from './apply-migrations.ts';
import { applyRoles } from './apply-roles.ts';
import { findColumnFaults, findForeignPartitions, findTableFaults } from './check-logins-table.ts';
import { findOwnerFaults } from './check-owners.ts';
import { findSchemaFaults } from './check-vault-schema.ts';
import { findBackdoors } from './find-backdoors.ts';
import { findOtherTokenKeys } from './find-other-token-keys.ts';
import { lockMigrations } from './lock-migrations.ts';
import { openSequences } from './open-sequences.ts';
import { dropRotationRole, grantRotation } from './rotation-role.ts';

const settingsStatement = statement(
  'migration_settings',
  sql`
  select
    -- otherwise ingest would wait behind a change that waits for a long reader
    set_config('lock_timeout', '5s', true),
    set_config('search_path', 'pg_catalog, pg_temp', true)
`,
);

/** What differs between deployments of one stage. */
export interface MigrationOptions {
  /** Whether `pii-vault rotate` may replace the token key: only then there is a role for it. */
  isRotating?: boolean;
  /** How many days sealed values are kept, null: without end; left as it is where this is not given. */
  retention?: number | null | undefined;
  /** The token keys that the stage has; they are compared with those that were used where this is given. */
  tokenKeys?: TokenKeyArns;
}

/** What a migration did. */
export interface MigrationReport {
  /** How many migrations were applied. */
  applied: number;
  /** A phrase for each thing that is not the vault's, such as changed role settings, and for another token key. */
  findings: string[];
}

/**
 * Brings the database to this release in one transaction: tables, functions, roles, rights, limits and what
 * the stage's parameters say (a copy that no stage uses yet needs none). Rows stay as they are. Throws
 * `DatabaseUnfit`, with nothing changed, if the vault cannot write to what is there, or if it is in use; and `DatabaseError`.
 */
export async function migrate(
  pool: Pool,
  limits: readonly RoleLimits[] = [],
  approval: ApprovalRule | null = null,
  options: MigrationOptions = {},
): Promise<MigrationReport> {
  try {
    return await transaction(pool, (connection) => bringUp(connection, limits, approval, options));
  } catch (error) {
    const isInUse = error instanceof DatabaseError && error.state === '55P03';
    throw isInUse ? new DatabaseUnfit([await inUse(pool)]) : error;
  }
}

const openStatement = statement<{ sessions: string | null }>(
  'open_transactions',
  sql`
  select string_agg(usename || ', process ' || pid, '; ' order by xact_start) as sessions
  from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()
    and xact_start < clock_timestamp() - interval '4 seconds'
`,
);

/** Which sessions can hold the lock that was waited for: any role can take one that delays a migration. */
async function inUse(pool: Pool): Promise<string> {
  const [open] = await run(pool, openStatement);
  return (
    'a session has something locked that this release changes ' +
    `(with an open transaction: ${open?.sessions ?? 'none any more'}): ` +
    'wait for it or end it, and try again'
  );
}

async function bringUp(
  connection: Connection,
  limits: readonly RoleLimits[],
  approval: ApprovalRule | null,
  { isRotating = false, retention, tokenKeys = new Map() }: MigrationOptions,
): Promise<MigrationReport> {
  await run(connection, settingsStatement);
  await lockMigrations(connection);
  const schemaFaults = await findSchemaFaults(connection);
  const faults = [
    // in another's schema everything is another's
    ...(schemaFaults.length > 0 ? schemaFaults : await findOwnerFaults(connection)),
    ...(await findTableFaults(connection)),
  ];
  // the whole list at once, but for columns that a migration may add
  if (faults.length > 0) refuse([...faults, ...(await findColumnFaults(connection, false))]);
  const foreignPartitions = await findForeignPartitions(connection);
  const applied = await applyMigrations(connection).catch((error: unknown) => {
    // only a migration that changes user_logins needs them
    if (error instanceof DatabaseError && error.state === '42501') refuse(foreignPartitions);
    throw error;
  });
  // only now: a migration may have added what was missing
  refuse([...(await findTableFaults(connection)), ...(await findColumnFaults(connection))]);
  const profiles = isRotating ? [...workingRoles, rotationRole] : workingRoles;
  const findings = await applyRoles(connection, profiles);
  await applyFunctionsAndGrants(connection);
  await (isRotating ? grantRotation(connection) : dropRotationRole(connection));
  await openSequences(connection);
  await writeLimits(connection, limits);
  if (approval !== null) await writeApprovalRule(connection, approval);
  if (retention !== undefined) await writeRetention(connection, retention);
  findings.push(...(await findOtherTokenKeys(connection, tokenKeys)));
  return { applied, findings: [...findings, ...(await findBackdoors(connection))] };
}

function refuse(faults: readonly string[]): void {
  if (faults.length > 0) throw new DatabaseUnfit(faults);
}
