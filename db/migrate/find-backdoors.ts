import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';
import { findAll } from './findings/common.ts';
import {
  dependentsStatement,
  ownedElsewhereStatement,
  schemaStatement,
} from './findings/objects.ts';
import { rightsStatement, rolesStatement, serverStatement } from './findings/rights.ts';
import { findChangedDefinitions, loginsStatement, tablesStatement } from './findings/tables.ts';

const searchPathStatement = statement(
  'findings_search_path',
  // an operator in the schema public must not answer in the place of one of Postgres
  sql`select set_config('search_path', 'pg_catalog, pg_temp', true)`,
);

/**
 * A phrase for each object, right or setting that is not the vault's: traces of somebody who had the
 * owner's rights, and what only an administrator can correct. For the end of a transaction: it changes
 * the search path. Throws `DatabaseError`.
 */
export async function findBackdoors(connection: Connection): Promise<string[]> {
  await run(connection, searchPathStatement);
  const findings = [
    ...(await findAll(connection, [
      schemaStatement,
      ownedElsewhereStatement,
      dependentsStatement,
      tablesStatement,
      loginsStatement,
      rightsStatement,
      rolesStatement,
      serverStatement,
    ])),
    ...(await findChangedDefinitions(connection)),
  ];
  return [...new Set(findings)].toSorted();
}
