import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findRotationObstacles, rotationSize } from '../../../db/operations/rotation-plan.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = database.as('vault_auditor');
});
afterAll(() => database.drop());

const obstacles = (generation = 2) => findRotationObstacles(pool, generation);

describe('before a rotation', () => {
  it('nothing is in the way of the vault’s own table', async () => {
    expect(await obstacles()).toEqual([]);
    expect(await rotationSize(pool)).toMatchObject({ indexes: 0 });
  });

  it.each([
    [
      'a unique index',
      'create unique index of_team on user_logins (user_id, masked_ip)',
      'drop index of_team',
      /^the unique index of_team on user_logins includes a column of tokens/,
    ],
    [
      'a trigger',
      `create function of_team() returns trigger language plpgsql as 'begin return new; end';
       create trigger of_team before update on user_logins for each row execute function of_team()`,
      'drop function of_team cascade',
      /^the trigger of_team on user_logins would run for every row/,
    ],
    [
      'a check',
      `alter table user_logins add constraint of_team check (masked_ip ~ '_v1_')`,
      'alter table user_logins drop constraint of_team',
      /^the constraint of_team of user_logins is about a column of tokens/,
    ],
    [
      'a publication without a replica identity',
      'create publication of_team for table user_logins',
      'drop publication of_team',
      /^the publication of_team sends updates of user_logins, which has no replica identity/,
    ],
    [
      'forced row-level security',
      'alter table user_logins force row level security',
      'alter table user_logins no force row level security',
      /^user_logins has forced row-level security/,
    ],
    [
      'a rule',
      'create rule of_team as on update to user_logins do also nothing',
      'drop rule of_team on user_logins',
      /^the rule of_team on user_logins would change the update/,
    ],
    [
      'a generated column',
      'alter table user_logins add column of_team text generated always as (left(masked_ip, 4)) stored',
      'select',
      /^the column of_team of user_logins is generated from a column of tokens/,
    ],
    [
      'a check that asks for a value, too',
      `alter table user_logins add constraint of_team check (masked_ip is not null and masked_ip ~ '_v1_')`,
      'alter table user_logins drop constraint of_team',
      /^the constraint of_team of user_logins is about a column of tokens/,
    ],
    [
      'a unique index for some tokens only',
      `create unique index of_team on user_logins (user_id) where masked_ip like 'ip_v2%'`,
      'drop index of_team',
      /^the unique index of_team on user_logins includes a column of tokens/,
    ],
    [
      'a collation that no pattern works with',
      `create collation of_team (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
       alter table user_logins alter masked_ip type varchar(256) collate of_team`,
      `alter table user_logins alter masked_ip type varchar(256) collate "default"; drop collation of_team`,
      /^the column masked_ip of user_logins has the collation of_team/,
    ],
    [
      'a domain with a check',
      `create domain of_team as varchar(256) check (value ~ '_v1_');
       create domain of_it as of_team; alter table user_logins alter masked_ip type of_it`,
      'alter table user_logins alter masked_ip type varchar(256); drop domain of_it, of_team',
      /^the column masked_ip of user_logins has the type of_team with a check/,
    ],
    [
      'an expression that partitions',
      `alter table user_logins rename to of_team;
       create table user_logins (like of_team) partition by list (left(masked_ip, 6));
       alter table user_logins owner to vault_migrator`,
      'drop table user_logins; alter table of_team rename to user_logins',
      /^user_logins is partitioned by a column of tokens/,
    ],
    [
      'a trigger of a table that inherits',
      `create table of_team () inherits (user_logins); alter table of_team owner to vault_migrator;
       create function of_team() returns trigger language plpgsql as 'begin return new; end';
       create trigger of_team before update on of_team for each row execute function of_team()`,
      'drop table of_team; drop function of_team',
      /^the trigger of_team on of_team would run for every row/,
    ],
    [
      'a generated column of a table that inherits',
      `create table of_team (copy text generated always as (masked_ip) stored) inherits (user_logins);
       alter table of_team owner to vault_migrator`,
      'drop table of_team',
      /^the column copy of of_team is generated from a column of tokens/,
    ],
    [
      'a table that inherits, of a role that lets vault_migrator update it',
      `create role of_team; create table of_team () inherits (user_logins);
       alter table of_team owner to of_team; grant update on of_team to vault_migrator`,
      'drop table of_team; drop role of_team',
      /^of_team belongs to of_team, not to vault_migrator/,
    ],
  ])('%s is named', async (_what, make, undo, named) => {
    await database.admin.query(make);
    expect(await obstacles()).toEqual([expect.stringMatching(named)]);
    await database.admin.query(undo);
    await database.admin.query('alter table user_logins drop column if exists of_team');
    expect(await obstacles()).toEqual([]);
  });

  it('a column that is too narrow for the next tokens is named', async () => {
    await database.admin.query('alter table user_logins alter masked_ip type varchar(33)');
    expect(await obstacles(9)).toEqual([]);
    expect(await obstacles(10)).toEqual([
      'the column masked_ip of user_logins has room for 33 characters, and the new tokens have 34',
    ]);
  });

  it('a domain that is too narrow for the next tokens is named', async () => {
    await database.admin.query(`
      create domain narrow as varchar(33); create domain narrower as narrow;
      alter table user_logins alter masked_ip type narrower`);
    expect(await obstacles(9)).toEqual([]);
    expect(await obstacles(10)).toEqual([
      'the column masked_ip of user_logins has room for 33 characters, and the new tokens have 34',
    ]);
  });

  it('materialized views of the table are named, for a refresh', async () => {
    await database.admin.query('create materialized view of_team as select * from user_logins');
    const { materialized } = await rotationSize(pool);
    expect(materialized).toEqual(['of_team']);
  });
});
