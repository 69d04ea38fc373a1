import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';
import { rotation } from '../schema.ts';
import { applyRotationGrants } from './apply-migrations.ts';

const revokeStatement = statement(
  'revoke_rotation',
  sql`
  do $$
  declare
    granted text;
  begin
    if not exists (select from pg_roles where rolname = 'vault_rotate') then return; end if;
    revoke all on schema vault from vault_rotate;
    for granted in
      select 'table ' || pg_class.oid::regclass from pg_class
      where relnamespace = 'vault'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        and pg_has_role(relowner, 'usage')
      union all
      select 'routine ' || pg_proc.oid::regprocedure from pg_proc
      where pronamespace = 'vault'::regnamespace and pg_has_role(proowner, 'usage')
    loop
      execute format('revoke all on %s from vault_rotate', granted);
    end loop;
  end
  $$
`,
);

// with `on` again, the stack has another next key: nothing may be mapped under two
const takeBackStatement = statement(
  'take_back_rotation',
  sql`update ${rotation} set phase = 'aborting' where phase = 'mapping'`,
);

const endStatement = statement(
  'end_rotation_sessions',
  sql`
  select pg_terminate_backend(pid) from pg_stat_activity
  where usename = 'vault_rotate' and datname = current_database()
`,
);

const dropStatement = statement(
  'drop_rotation_role',
  sql`
  do $$
  begin
    if not exists (select from pg_roles where rolname = 'vault_rotate') then return; end if;
    perform pg_terminate_backend(pid) from pg_stat_activity
    where usename = 'vault_rotate' and datname = current_database();
    drop role vault_rotate;
  exception when dependent_objects_still_exist then
    -- another database of this server rotates its own key
    null;
  end
  $$
`,
);

/** Gives the role of `pii-vault rotate` its rights, and analysts the translation of tokens. Throws `DatabaseError`. */
export async function grantRotation(connection: Connection): Promise<void> {
  await run(connection, revokeStatement);
  await applyRotationGrants(connection);
}

/**
 * Takes the role of `pii-vault rotate` away, and ends its sessions. A rotation that was still mapping can only
 * be taken back from then on. Throws `DatabaseError`.
 */
export async function dropRotationRole(connection: Connection): Promise<void> {
  // one of them may have a lock that the next statement waits for
  await run(connection, endStatement);
  await run(connection, takeBackStatement);
  await run(connection, revokeStatement);
  await run(connection, dropStatement);
}
