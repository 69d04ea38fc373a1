import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { migrate } from '../../../db/migrate/migrate.ts';
import { endStolenLogins, stolenLogin } from '../../helpers/attacker.ts';
import { openDatabase } from '../../helpers/database.ts';
import {
  type Server,
  startPostgres,
  templateDatabase,
  wideLimits,
} from '../../helpers/postgres.ts';

/** What an attacker leaves behind who had the login of vault_migrator once; what it is; how migrate names it. */
const planted: [what: string, statements: string, phrase: RegExp][] = [
  [
    'a view elsewhere that reads sealed values',
    `create view public.pane as select token, ciphertext from vault.pii_vault;
     grant select on public.pane to public`,
    /^view public\.pane uses table vault\.pii_vault/,
  ],
  [
    `a table elsewhere that is the owner's`,
    'create table public.sink (a text)',
    /^table public\.sink belongs to vault_migrator/,
  ],
  [
    'a table that a table of the vault inherits from',
    `create table public.leak (token bytea, ciphertext bytea);
     alter table vault.pii_vault inherit public.leak`,
    /^vault\.pii_vault inherits from public\.leak/,
  ],
  [
    'a table that inherits from one of the vault',
    'create table public.child () inherits (vault.reveal_audit)',
    /^public\.child inherits from vault\.reveal_audit/,
  ],
  [
    'row-level security',
    'alter table vault.usage enable row level security, force row level security',
    /^vault\.usage has row-level security/,
  ],
  [
    'a policy',
    `create policy hide on vault.usage using (minute > now() - interval '1 minute')`,
    /^the policy hide on vault\.usage/,
  ],
  [
    'an unlogged table',
    'alter table vault.audit_checkpoints set unlogged',
    /^vault\.audit_checkpoints is unlogged/,
  ],
  [
    'a condition on the trigger that chains the audit',
    `drop trigger chain_audit_row on vault.reveal_audit;
     create trigger chain_audit_row before insert on vault.reveal_audit
       for each row when (new.principal <> 'mallory') execute function vault.chain_audit_row();
     alter table vault.reveal_audit enable always trigger chain_audit_row`,
    /^not the vault's: CREATE TRIGGER chain_audit_row .*mallory/,
  ],
  [
    'a trigger against changes of the audit that fires for TRUNCATE only',
    `drop trigger refuse_audit_change on vault.reveal_audit;
     create trigger refuse_audit_change before truncate on vault.reveal_audit
       for each statement execute function vault.refuse_audit_change();
     alter table vault.reveal_audit enable always trigger refuse_audit_change`,
    /^missing: CREATE TRIGGER refuse_audit_change BEFORE DELETE OR UPDATE OR TRUNCATE/,
  ],
  [
    'a missing check',
    'alter table vault.reveal_audit drop constraint reveal_audit_reason',
    /^missing: constraint reveal_audit\.reveal_audit_reason/,
  ],
  [
    'a missing primary key',
    'alter table vault.usage drop constraint usage_role_caller_minute_pk',
    /^missing: constraint usage\.usage_role_caller_minute_pk/,
  ],
  [
    'a default',
    'alter table vault.reveal_audit alter id set default 1',
    /^not the vault's: column reveal_audit\.id bigint not null default/,
  ],
  [
    'a column',
    'alter table vault.pii_vault add column spare text',
    /^not the vault's: column pii_vault\.spare/,
  ],
  [
    'an index',
    'create unique index once on vault.reveal_audit (request_id, token)',
    /^not the vault's: CREATE UNIQUE INDEX once/,
  ],
  [
    'a policy by which an erase leaves networks behind',
    `alter table public.ip_networks enable row level security, force row level security;
     create policy keep on public.ip_networks using (masked_network <> 'n')`,
    /^the policy keep on ip_networks/,
  ],
  [
    'a table whose readers read the networks',
    `create table public.readers (masked_ip varchar(256) not null);
     alter table public.ip_networks inherit public.readers`,
    /^public\.ip_networks inherits from public\.readers/,
  ],
  [
    'a right on the networks',
    'grant select on public.ip_networks to public',
    /^everybody has rights on ip_networks$/,
  ],
  [
    'a right on a column of the networks',
    'grant select (masked_network) on public.ip_networks to stranger',
    /^stranger has rights on ip_networks\.masked_network/,
  ],
  [
    'a check on the networks',
    `alter table public.ip_networks add constraint fewer check (masked_network <> 'n')`,
    /^not the vault's: constraint ip_networks\.fewer/,
  ],
  [
    'a right on a column',
    'grant select (ciphertext) on vault.pii_vault to stranger',
    /^stranger has rights on vault\.pii_vault\.ciphertext/,
  ],
  [
    'a role that may create roles and pass ours on',
    `create role evil login createrole;
     grant vault_reveal to evil with admin option`,
    /^evil is a member of vault_reveal, and may pass it on/,
  ],
  [
    'a person who may make others auditors',
    'grant vault_auditor to stranger with admin option',
    /^stranger is a member of vault_auditor, and may pass it on/,
  ],
  [
    'a role that the owner made for itself',
    `set createrole_self_grant = 'set, inherit';
     create role helper;
     create schema hidden authorization helper;
     grant usage on schema hidden to public;
     set role helper;
     create function hidden.head() returns bigint language sql as 'select 1::bigint';
     reset role;
     revoke helper from vault_migrator`,
    /^vault_migrator is a member of helper/,
  ],
  [
    'an operator that a query over the audit would call',
    `create function public.same(vault.audit_action, vault.audit_action) returns boolean
       language sql as 'select true';
     create operator public.= (
       leftarg = vault.audit_action, rightarg = vault.audit_action, function = public.same)`,
    /^operator public\.=\(vault\.audit_action,vault\.audit_action\) belongs to vault_migrator/,
  ],
  [
    'a cast of one of its types',
    `create function public.spell(vault.pii_kind) returns integer language sql as 'select 1';
     create cast (vault.pii_kind as integer) with function public.spell(vault.pii_kind)`,
    /^cast from vault\.pii_kind to integer uses type vault\.pii_kind/,
  ],
  [
    'a type in its schema',
    'create domain vault.label as text',
    /^the type vault\.label is not the vault's/,
  ],
  [
    'a collation in its schema',
    'create collation vault.odd from "C"',
    /^the collation vault\.odd is not the vault's/,
  ],
  [
    'a rule on the logins',
    'create rule copy as on insert to public.user_logins do also insert into public.sink values (new.masked_ip)',
    /^the rule copy on user_logins acts with the rights of vault_migrator/,
  ],
  [
    'a trigger on the logins that calls a function of the owner',
    `create function public.look() returns trigger language plpgsql as 'begin return new; end';
     create trigger look before insert on public.user_logins for each row execute function public.look()`,
    /^the trigger look on user_logins calls public\.look\(\) of vault_migrator/,
  ],
  [
    'a publication',
    'create publication feed for table vault.data_keys',
    /^the publication feed sends vault\.data_keys elsewhere/,
  ],
  [
    'default privileges',
    'alter default privileges in schema vault grant select on tables to stranger',
    /^default privileges on new relations belonging to role vault_migrator in schema vault/,
  ],
  [
    'a role that cannot log in',
    'alter role vault_maintain nologin',
    /^vault_maintain has the attribute nologin/,
  ],
  [
    'a role whose password has expired',
    `alter role vault_erase valid until '2000-01-01'`,
    /^vault_erase has the attribute valid until/,
  ],
];

let server: Server;
let findings: string[];
beforeAll(async () => {
  server = await startPostgres(['max_prepared_transactions=3']);
  const database = openDatabase(templateDatabase, server.port);
  await database.admin.query(
    `create role stranger; create role analyst; create role master createrole;
     grant vault_analyst, vault_auditor to analyst;
     grant vault_migrator, vault_reveal to master with admin option`,
  );
  const thief: Client = await stolenLogin(database, 'vault_migrator');
  for (const [, statements] of planted) await thief.query(statements);
  ({ findings } = await migrate(database.as('vault_migrator'), wideLimits));
  await endStolenLogins();
  await database.close();
}, 60_000);
afterAll(() => server.stop());

describe('migrate names what an attacker with the login of vault_migrator left behind:', () => {
  it.each(planted)('%s', (_what, _statements, phrase) => {
    expect(findings).toContainEqual(expect.stringMatching(phrase));
  });

  it('a server on which a prepared transaction can keep the lock of the audit', () => {
    expect(findings).toContainEqual(expect.stringMatching(/^max_prepared_transactions is 3/));
  });

  it('but not people who are analysts or auditors, nor who made vault_migrator', () => {
    expect(findings.filter((finding) => /^(analyst|master) /.test(finding))).toEqual([]);
  });
});
