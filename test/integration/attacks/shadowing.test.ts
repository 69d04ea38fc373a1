import type { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { WorkingRole } from '../../../db/roles.ts';
import { someToken } from '../../helpers/audit.ts';
import { endStolenLogins, stolenLogin } from '../../helpers/attacker.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

const request = `'r', 'SOURCE', 'mallory', 'a reason of somebody', '{${someToken(1)}}'`;

/** A call of each definer function that a login can reach. */
const calls: [WorkingRole, string][] = [
  ['vault_reveal', `vault.claim_reveal(${request.replace('SOURCE', 'claimed')})`],
  ['vault_reveal_url', `vault.claim_reveal(${request.replace('SOURCE', 'iam')})`],
  ['vault_reveal', `vault.take_revealed('r')`],
  ['vault_reveal', `vault.report_fault('r', '{${someToken(1)}}', '{withheld}')`],
  ['vault_tokenize', `vault.look_up(${request.replace('SOURCE', 'iam')})`],
  ['vault_erase', `vault.erase(${request.replace('SOURCE', 'iam')})`],
  ['vault_maintain', `vault.prune_ledger(1)`],
  ['vault_maintain', `vault.prune_requests()`],
  ['vault_maintain', `vault.end_stale_sessions()`],
  ['vault_maintain', `vault.add_checkpoint(1, '\\x00')`],
  ['vault_auditor', `vault.audit_chain_head()`],
];

// says so when it is run as anybody but the thief
const payload = `
  create function pg_temp.e(v anyelement) returns boolean language plpgsql as $$
    begin
      if current_user <> session_user then raise exception 'ran as %', current_user; end if;
      return true;
    end $$;`;

const shadows: Record<string, string> = {
  types: `${payload}
    create domain pg_temp.text as pg_catalog.text check (pg_temp.e(value));
    create domain pg_temp.int4 as pg_catalog.int4 check (pg_temp.e(value));
    create domain pg_temp.int8 as pg_catalog.int8 check (pg_temp.e(value));
    create domain pg_temp.timestamptz as pg_catalog.timestamptz check (pg_temp.e(value));
    create domain pg_temp.xid8 as pg_catalog.xid8 check (pg_temp.e(value));
    create domain pg_temp.bytea as pg_catalog.bytea check (pg_temp.e(value));`,
  functions: `${payload}
    create function pg_temp.clock_timestamp() returns pg_catalog.timestamptz language sql as
      $$ select pg_catalog.now() where pg_temp.e(1) $$;
    create function pg_temp.current_setting(pg_catalog.text) returns pg_catalog.text language sql as
      $$ select 'read committed' where pg_temp.e(1) $$;
    create function pg_temp.cardinality(pg_catalog.anyarray) returns pg_catalog.int4 language sql as
      $$ select 1 where pg_temp.e(1) $$;`,
  operators: `${payload}
    create function pg_temp.same(pg_catalog.text, pg_catalog.text) returns boolean language plpgsql as
      $$ begin return pg_temp.e(1); end $$;
    create operator pg_temp.= (leftarg = pg_catalog.text, rightarg = pg_catalog.text, function = pg_temp.same);
    create operator pg_temp.<> (leftarg = pg_catalog.text, rightarg = pg_catalog.text, function = pg_temp.same);`,
  relations: `${payload}
    create view pg_temp.pg_stat_activity as select 1 as pid, pg_temp.e(1);
    create view pg_temp.limits as select 'vault_reveal'::text as role, pg_temp.e(1);
    create view pg_temp.reveal_audit as select pg_temp.e(1);`,
};

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await endStolenLogins();
  await database.drop();
});

/** What the thief gets; an error of the function itself is as good as an answer. */
async function attack(thief: Client, shadow: string, call: string, path = 'pg_temp, vault') {
  await thief.query(shadow);
  await thief.query(`set search_path = ${path}`);
  return thief.query(`select * from ${call}`).then(
    () => 'answered',
    (error: Error) => error.message,
  );
}

describe('nothing in a temporary schema runs as the owner', () => {
  it.each(calls)('for %s, who may make no such thing: %s', async (role) => {
    const thief = await stolenLogin(database, role);
    await expect(thief.query(payload)).rejects.toThrow('permission denied');
  });

  // as on a database whose administrator gives the right back
  describe.each(Object.entries(shadows))('%s', (_, shadow) => {
    it.each(calls)('%s calls %s', async (role, call) => {
      await database.admin.query(`grant temporary on database ${database.name} to public`);
      const thief = await stolenLogin(database, role);
      expect(await attack(thief, shadow, call)).not.toContain('ran as');
    });
  });

  it('and would, if a function did not name the temporary schema last in its path', async () => {
    await database.admin.query(`grant temporary on database ${database.name} to public`);
    await database.admin.query(`
      alter function vault.look_up(text, vault.principal_source, text, text, text[])
      set search_path = pg_catalog`);
    const thief = await stolenLogin(database, 'vault_tokenize');
    const call = `vault.look_up(${request.replace('SOURCE', 'iam')})`;
    expect(await attack(thief, shadows['types']!, call)).toBe('ran as vault_migrator');
  });

  it('when an argument has a type and a cast of its own', async () => {
    await database.admin.query(`grant temporary on database ${database.name} to public`);
    const thief = await stolenLogin(database, 'vault_tokenize');
    await thief.query(`${payload}
      create type pg_temp.own as (x text);
      create function pg_temp.to_text(pg_temp.own) returns text language sql as
        $$ select 'r' where pg_temp.e(1) $$;
      create cast (pg_temp.own as text) with function pg_temp.to_text(pg_temp.own) as implicit`);
    await thief.query(
      `select from vault.look_up(row('r')::pg_temp.own, 'iam', 'mallory', 'a reason of somebody',
         '{${someToken(1)}}')`,
    );
  });
});
