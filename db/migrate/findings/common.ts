import { sql } from 'drizzle-orm';

import { type Connection, run, type Statement } from '../../query.ts';
import { roles, rotationRole } from '../../roles.ts';
import { functionNames } from '../apply-migrations.ts';
import { tableNames } from '../check-owners.ts';

const p = sql.placeholder;

/** A statement with one phrase a row. */
export type FindingsStatement = Statement<{ finding: string }>;

/** What the statements about findings begin with: the vault's roles, their owner, its schema, and what lies in it. */
export const common = sql`
  with recursive ours as (
    select oid, rolname from pg_roles where rolname = any (${p('roles')}::text[])
  ), owner as (
    select oid from pg_roles where rolname = 'vault_migrator'
  ), vault as (
    select * from pg_namespace where nspname = 'vault'
  ), relation as (
    select pg_class.*, relname = any (${p('tables')}::text[]) as is_ours
    from pg_class join vault on vault.oid = relnamespace
    where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  ), function as (
    select pg_proc.*, pg_proc.oid::regprocedure::text as signature, nspname,
      nspname = 'vault' and proname = any (${p('functions')}::text[]) as is_ours
    from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
  )
`;

/** Runs the statements one after the other. Throws `DatabaseError`. */
export async function findAll(
  connection: Connection,
  statements: readonly FindingsStatement[],
): Promise<string[]> {
  const values = {
    roles: [...roles, rotationRole.name],
    functions: await functionNames(),
    tables: [...tableNames, 'migrations'],
  };
  const findings: string[] = [];
  for (const statement of statements) {
    const rows = await run(connection, statement, values);
    findings.push(...rows.map(({ finding }) => finding));
  }
  return findings;
}
