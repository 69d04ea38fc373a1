import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  auditOutcomes,
  claim,
  endStolenLogins,
  holdValues,
  stolenLogin,
  take,
} from '../../helpers/attacker.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { type Server, startPostgres, templateDatabase } from '../../helpers/postgres.ts';

let server: Server;
let database: TestDatabase;
let thief: Client;
let tokens: string[];
beforeAll(async () => {
  // none are possible by default
  server = await startPostgres(['max_prepared_transactions=5']);
}, 120_000);
afterAll(() => server.stop());
beforeEach(async () => {
  database = await createTestDatabase(templateDatabase, server.port);
  tokens = await holdValues(database);
  thief = await stolenLogin(database, 'vault_reveal');
});
afterEach(async () => {
  await endStolenLogins();
  await database.drop();
});

const nothingToTake = 'there is no committed claim of this request';

describe('a claim in a prepared transaction', () => {
  it('hands out nothing before that one has committed', async () => {
    await thief.query(`begin; ${claim('r', tokens)}; prepare transaction 'p'`);
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
    await thief.query(`commit prepared 'p'`);
    expect((await thief.query(take('r'))).rowCount).toBe(1);
    expect(await auditOutcomes(database)).toEqual(['revealed']);
  });

  it('hands out nothing after that one was rolled back', async () => {
    await thief.query(`begin; ${claim('r', tokens)}; prepare transaction 'p'`);
    await thief.query(`rollback prepared 'p'`);
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
    expect(await auditOutcomes(database)).toEqual([]);
  });
});
