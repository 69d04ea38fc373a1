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

const settingsStatement = statement(
  'findings_settings',
  sql`
  select
    -- an operator in the schema public must not answer in the place of one of Postgres
    set_config('search_path', 'pg_catalog, pg_temp', true),
    -- so that Postgres prints definitions in one form
    set_config('datestyle', 'ISO, YMD', true), set_config('quote_all_identifiers', 'off', true)
`,
);

/**
 * A phrase for each object, right or setting that is not the vault's: traces of somebody who had the
 * owner's rights, and what only an administrator can correct. For the end of a transaction: it changes
 * settings. Throws `DatabaseError`.
 */
export async function findBackdoors(connection: Connection): Promise<string[]> {
  await run(connection, settingsStatement);
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
