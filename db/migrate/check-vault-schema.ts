import { getTableName, sql } from 'drizzle-orm';

import { countMigrations } from '../count-migrations.ts';
import { type Connection, run, statement } from '../query.ts';
import { piiVault } from '../schema.ts';

const schemaStatement = statement<{ owner: string; isOurs: boolean; relations: string[] }>(
  'vault_schema',
  sql`
  select
    pg_get_userbyid(nspowner) as owner, pg_has_role(nspowner, 'usage') as "isOurs",
    array(
      select relname::text from pg_class
      where relnamespace = pg_namespace.oid and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        and relname not in ('migrations', 'migrations_id_seq')
      order by relname
    ) as relations
  from pg_namespace where nspname = 'vault'
`,
);

/**
 * A phrase for each sign that the existing schema `vault` belongs to something else; none if there is no
 * such schema, or it is empty or the vault's own. Throws `DatabaseError`.
 */
export async function findSchemaFaults(connection: Connection): Promise<string[]> {
  const [schema] = await run(connection, schemaStatement);
  if (schema === undefined) return [];
  const { owner, isOurs, relations } = schema;
  if (!isOurs) return [`the schema vault belongs to ${owner}, the vault needs it as its own`];
  if ((await countMigrations(connection)) > 0) {
    const isVault = relations.includes(getTableName(piiVault));
    return isVault ? [] : ['vault.migrations lists the migrations of something else'];
  }
  if (relations.length === 0) return [];
  return [`the schema vault holds what the vault did not make: ${relations.join(', ')}`];
}
