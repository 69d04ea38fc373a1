import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';

// an identity column needs no such right; a `serial` column does: the role that inserts uses its sequence
const openSequencesStatement = statement(
  'open_sequences',
  sql`
  do $$
  declare
    sequence regclass;
  begin
    for sequence in
      select refobjid
      from pg_attrdef
      join pg_depend on classid = 'pg_attrdef'::regclass and objid = pg_attrdef.oid
        and refclassid = 'pg_class'::regclass
      join pg_class on pg_class.oid = refobjid and relkind = 'S' and pg_has_role(relowner, 'usage')
      where adrelid = 'public.user_logins'::regclass
    loop
      execute format('grant usage on sequence %s to vault_ingest', sequence);
    end loop;
  end
  $$
`,
);

/** Lets `vault_ingest` use the sequences that number a team's own columns of `user_logins`. Throws `DatabaseError`. */
export async function openSequences(connection: Connection): Promise<void> {
  await run(connection, openSequencesStatement);
}
