import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { eraseValues, lookUp } from '../../../db/audited-requests.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { auditContext, someToken } from '../../helpers/audit.ts';
import { claim, endStolenLogins, holdValues, stolenLogin, take } from '../../helpers/attacker.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { type CrashingPostgres, startCrashingPostgres } from '../../helpers/crashing-postgres.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { ingestDeps } from '../../helpers/vault.ts';

let postgres: CrashingPostgres;
let tokens: string[];
beforeAll(async () => {
  postgres = await startCrashingPostgres(false);
  tokens = await holdValues(postgres.database);
}, 120_000);
afterAll(() => postgres.stop());
afterEach(async () => {
  await endStolenLogins();
  await postgres.untilReady();
  const { admin } = postgres.database;
  await admin.query('alter database vault reset synchronous_commit');
  for (const role of ['vault_reveal', 'vault_tokenize', 'vault_erase', 'vault_ingest']) {
    await admin.query(`alter role ${role} reset synchronous_commit`);
  }
});

async function isRecorded(requestId: string): Promise<boolean> {
  const { rowCount } = await postgres.database.admin.query(
    'select from vault.reveal_audit where request_id = $1',
    [requestId],
  );
  return rowCount === 1;
}

/** Kills Postgres as soon as `work` is done, and starts it again. */
async function crashRightAfter(work: () => Promise<unknown>): Promise<void> {
  await work();
  await postgres.crash(0);
  await postgres.untilReady();
}

type Way = (thief: Client, requestId: string) => Promise<unknown>;

/** Ways to commit a claim without waiting for its record to be on disk. */
const ways: Record<string, Way> = {
  'by nobody': (thief, r) => thief.query(claim(r, tokens)),
  'in the session': async (thief, r) => {
    await thief.query('set synchronous_commit = off');
    await thief.query(claim(r, tokens));
  },
  'in the transaction, after the claim': async (thief, r) => {
    await thief.query(`begin; ${claim(r, tokens)}; set local synchronous_commit = off; commit`);
  },
};

const lowered: Record<string, string> = {
  role: 'alter role vault_reveal set synchronous_commit = off',
  'role in this database': 'alter role vault_reveal in database vault set synchronous_commit = off',
};

describe(
  'a value that was taken is on record after kill -9 of Postgres',
  { timeout: 60_000 },
  () => {
    it.each(Object.entries(ways))('with synchronous_commit off: %s', async (_, way) => {
      const thief = await stolenLogin(postgres.database, 'vault_reveal');
      const requestId = randomUUID();
      await way(thief, requestId);
      await crashRightAfter(async () => {
        expect((await thief.query(take(requestId))).rowCount).toBe(1);
      });
      expect(await isRecorded(requestId)).toBe(true);
    });

    it.each(Object.entries(lowered))('with synchronous_commit off for the %s', async (_, sql) => {
      const before = await stolenLogin(postgres.database, 'vault_reveal');
      await before.query(sql);
      const thief = await stolenLogin(postgres.database, 'vault_reveal');
      const requestId = randomUUID();
      // after the claim too, since it turns the setting on for itself
      await ways['in the transaction, after the claim']!(thief, requestId);
      await crashRightAfter(async () => {
        expect((await thief.query(take(requestId))).rowCount).toBe(1);
      });
      expect(await isRecorded(requestId)).toBe(true);
    });

    it('with synchronous_commit off for the database', async () => {
      await postgres.database.admin.query('alter database vault set synchronous_commit = off');
      const thief = await stolenLogin(postgres.database, 'vault_reveal');
      const requestId = randomUUID();
      await thief.query(claim(requestId, tokens));
      await crashRightAfter(() => thief.query(take(requestId)));
      expect(await isRecorded(requestId)).toBe(true);
    });
  },
);

// the functions are not changed, only the settings that they log in with
describe('what a function answered survives kill -9 of Postgres', { timeout: 60_000 }, () => {
  it.each([
    ['vault_tokenize', lookUp],
    ['vault_erase', eraseValues],
  ] as const)('%s', async (role, record) => {
    const thief = await stolenLogin(postgres.database, role);
    await thief.query(`alter role ${role} set synchronous_commit = off`);
    const requestId = randomUUID();
    const context = auditContext({ requestId, principal: { id: 'grace', source: 'iam' } });
    const pool = postgres.database.as(role);
    await crashRightAfter(() => record(pool, context, [someToken(1_000)]));
    expect(await isRecorded(requestId)).toBe(true);
  });

  it('vault_ingest', async () => {
    const thief = await stolenLogin(postgres.database, 'vault_ingest');
    await thief.query('alter role vault_ingest set synchronous_commit = off');
    const userId = randomUUID();
    const deps = ingestDeps(postgres.database, createKmsDouble());
    await crashRightAfter(async () => {
      const answer = await ingest([sqsRecord(loginMessage({ user_id: userId }))], deps);
      expect(answer).toEqual({ batchItemFailures: [] });
    });
    const { rowCount } = await postgres.database.admin.query(
      'select from user_logins where user_id = $1',
      [userId],
    );
    expect(rowCount).toBe(1);
  });
});
