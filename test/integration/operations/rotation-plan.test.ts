import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findRotationObstacles, rotationSize } from '../../../db/operations/rotation-plan.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const obstacles = (generation = 2) =>
  findRotationObstacles(database.as('vault_auditor'), generation);

describe('before a rotation', () => {
  it('nothing is in the way of the vault’s own table', async () => {
    expect(await obstacles()).toEqual([]);
    expect(await rotationSize(database.as('vault_auditor'))).toMatchObject({ indexes: 0 });
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

  it('materialized views of the table are named, for a refresh', async () => {
    await database.admin.query('create materialized view of_team as select * from user_logins');
    const { materialized } = await rotationSize(database.as('vault_auditor'));
    expect(materialized).toEqual(['of_team']);
  });
});
