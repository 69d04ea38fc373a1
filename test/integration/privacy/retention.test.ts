import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Pool } from 'pg';

import { dropSpentKeys, expireValues } from '../../../db/expire-values.ts';
import { writeRetention } from '../../../db/write-retention.ts';
import { endStolenLogins, stolenLogin } from '../../helpers/attacker.ts';
import { createPrivacyWorld, type PrivacyWorld } from '../../helpers/privacy-world.ts';

let world: PrivacyWorld;
let maintain: Pool;
let deviceId: string;
let token: string;

beforeAll(async () => {
  world = await createPrivacyWorld();
  maintain = world.database.as('vault_maintain');
});
afterEach(endStolenLogins);
afterAll(() => world.database.drop());
beforeEach(async () => {
  await writeRetention(world.database.admin, 90);
  await expireValues(maintain);
  deviceId = randomUUID();
  token = await world.tokenOf('device_id', deviceId);
  await world.login({ device_id: deviceId });
});

/** Has the vault believe that it collected the value so many days ago. */
async function age(days: number, of = token): Promise<void> {
  await world.database.admin.query(
    `update vault.pii_vault set created_at = clock_timestamp() - $2 * interval '24 hours'
     where token = vault.token_bytes($1)`,
    [of, days],
  );
}

async function loginsWith(maskedDeviceId: string): Promise<number> {
  const { rows } = await world.database.admin.query(
    'select from public.user_logins where masked_device_id = $1',
    [maskedDeviceId],
  );
  return rows.length;
}

/** A session of vault_maintain that has deleted the value and not committed. */
async function expiring() {
  const session = await stolenLogin(world.database, 'vault_maintain');
  await age(91);
  await session.query('begin');
  await session.query('select * from vault.expire_values(0)');
  return session;
}

const arn = (n: number) => `arn:aws:kms:eu-west-1:111122223333:key/spent-${n}`;

async function dataKey(kmsKeyArn: string, hours: number): Promise<string> {
  const id = randomUUID();
  await world.database.admin.query(
    `insert into vault.data_keys (id, wrapped_key, kms_key_arn, created_at)
     values ($1, '\\x01', $2, now() - $3 * interval '1 hour')`,
    [id, kmsKeyArn, hours],
  );
  return id;
}

describe('values older than the retention', () => {
  it('are deleted, with one audit row, and their logins stay', async () => {
    const young = await world.tokenOf('ip', '192.0.2.80');
    await world.login({ ip: '192.0.2.80' });
    await age(89.99, young);
    await age(90.01);
    expect(await expireValues(maintain)).toBe(1);
    expect(await world.newestAudit(1)).toEqual([
      ['expire', 'expired', { values: 1, collectedBefore: expect.stringMatching(/^20.*Z$/) }],
    ]);
    expect(await world.answerOf(token)).toBe('expired');
    expect(await world.answerOf(young)).toBe('192.0.2.80');
    expect(await loginsWith(token)).toBe(1);
    const { erased, missing } = await world.erase([token]);
    expect({ erased, missing }).toEqual({ erased: [], missing: [{ token, why: 'expired' }] });
  });

  it('stay while the stage has no retention', async () => {
    await age(100_000);
    await writeRetention(world.database.admin, null);
    expect(await expireValues(maintain)).toBe(0);
    await world.database.admin.query('delete from vault.retention');
    expect(await expireValues(maintain)).toBe(0);
    expect(await world.answerOf(token)).toBe(deviceId);
  });

  it('keep the date of their first login, and are sealed anew by the next one, also where a container remembers them', async () => {
    await age(91);
    await world.login({ device_id: deviceId });
    await world.login({ device_id: deviceId }, { deps: world.containers[1] });
    expect(await expireValues(maintain)).toBe(1);
    expect(await world.holds(token)).toBe(false);
    await world.login({ device_id: deviceId });
    expect(await world.answerOf(token)).toBe(deviceId);
    expect(await expireValues(maintain)).toBe(0);
    expect(await loginsWith(token)).toBe(4);
    // and then erased, which is what a reveal says from then on
    await world.erase([token]);
    expect(await world.answerOf(token)).toBe('erased');
  });

  it('are all deleted in one round, in batches that the audit counts', async () => {
    await world.database.admin.query(
      `insert into vault.pii_vault (token, kind, ciphertext, data_key_id, created_at)
       select substring(sha256(n::text::bytea) for 20), 'ip', '\\x02', gen_random_uuid(),
         now() - case when n % 3 = 0 then interval '1 day' else interval '91 days' end
       from generate_series(1, 9000) as n`,
    );
    expect(await expireValues(maintain)).toBe(6000);
    const rows = await world.newestAudit(3);
    expect(
      rows.map(([action, , detail]) => [action, (detail as { values: number }).values]),
    ).toEqual(Array.from({ length: 3 }, () => ['expire', 2000]));
    expect(await expireValues(maintain)).toBe(0);
  });
});

describe('while values expire', () => {
  it('a claim that was recorded before gives nothing, and one that comes after says expired', async () => {
    const thief = await stolenLogin(world.database, 'vault_reveal');
    const requestId = randomUUID();
    await thief.query(
      `select * from vault.claim_reveal($1, 'claimed', 'somebody', 'a reason of somebody', $2)`,
      [requestId, [token]],
    );
    const session = await expiring();
    const later = world.answerOf(token);
    await world.waiting('vault_reveal');
    await session.query('commit');
    expect(await later).toBe('expired');
    const { rows } = await thief.query('select * from vault.take_revealed($1)', [requestId]);
    expect(rows).toEqual([]);
  });

  it('a message that is delivered again does not bring one back, and a new login seals it anew', async () => {
    const messageId = randomUUID();
    await world.login({ device_id: deviceId }, { messageId });
    const session = await expiring();
    // a container that does not remember it: it waits for what becomes of the row
    const fresh = world.login({ device_id: deviceId }, { deps: world.containers[1] });
    await world.waiting('vault_ingest');
    await session.query('commit');
    await fresh;
    expect(await world.answerOf(token)).toBe(deviceId);

    const again = await expiring();
    await again.query('commit');
    await world.login({ device_id: deviceId }, { messageId });
    expect(await world.answerOf(token)).toBe('expired');
  });

  it('a login of a container that remembers the value is stored, and the next one seals it', async () => {
    const session = await expiring();
    await world.login({ device_id: deviceId });
    await session.query('commit');
    expect(await world.answerOf(token)).toBe('expired');
    await world.login({ device_id: deviceId });
    expect(await world.answerOf(token)).toBe(deviceId);
    expect(await loginsWith(token)).toBe(3);
  });

  it('a crash in the middle deletes nothing without its audit row, and the next round goes on', async () => {
    const before = await world.newestAudit(1);
    const session = await expiring();
    await world.database.admin.query(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity
       where usename = 'vault_maintain' and datname = current_database() and state = 'idle in transaction'`,
    );
    await expect(session.query('select')).rejects.toThrow();
    expect(await world.newestAudit(1)).toEqual(before);
    expect(await world.holds(token)).toBe(true);
    expect(await expireValues(maintain)).toBe(1);
    expect(await world.answerOf(token)).toBe('expired');
  });

  it('a row that somebody has locked is left for the next round', async () => {
    await age(91);
    const owner = await stolenLogin(world.database, 'vault_migrator');
    await owner.query('begin');
    await owner.query(
      'select from vault.pii_vault where token = vault.token_bytes($1) for update',
      [token],
    );
    expect(await expireValues(maintain)).toBe(0);
    await owner.query('rollback');
    expect(await expireValues(maintain)).toBe(1);
  });
});

describe('with the login of vault_maintain', () => {
  it.each(['UTC', 'Pacific/Kiritimati', 'Etc/GMT+12', '-167'])(
    'nothing that is younger is deleted, in time zone %s',
    async (zone) => {
      await age(89.99);
      const thief = await stolenLogin(world.database, 'vault_maintain');
      await thief.query(`set timezone = '${zone}'`);
      await thief.query(`set intervalstyle = 'sql_standard'`);
      await thief.query('select * from vault.expire_values(0)');
      expect(await world.holds(token)).toBe(true);
    },
  );

  it.each([
    ['select * from vault.expire_values(99999999999)', 'invalid input syntax'],
    ['update vault.retention set days = 1', 'permission denied'],
    ['select * from vault.retention', 'permission denied'],
    ['delete from vault.pii_vault', 'permission denied'],
    ['delete from vault.data_keys', 'permission denied'],
    [
      `select vault.append_event('expire', 'r', 'vault', 'x', 'a reason of mine', 'expired', '{}')`,
      'permission denied',
    ],
  ])('%s fails', async (statement, message) => {
    const thief = await stolenLogin(world.database, 'vault_maintain');
    await expect(thief.query(statement)).rejects.toThrow(message);
  });

  it.each([
    'vault_ingest',
    'vault_reveal_url',
    'vault_erase',
    'vault_tokenize',
    'vault_auditor',
  ] as const)('and not with that of %s, values expire', async (role) => {
    const thief = await stolenLogin(world.database, role);
    for (const call of ['expire_values(0)', 'drop_spent_keys()']) {
      await expect(thief.query(`select * from vault.${call}`)).rejects.toThrow('permission denied');
    }
  });
});

describe('a data key under which nothing is sealed', () => {
  it('is deleted a day after it was made, and a KMS key that wraps none any more is named', async () => {
    await dropSpentKeys(maintain);
    await dataKey(arn(1), 25);
    await dataKey(arn(2), 25);
    await dataKey(arn(2), 23);
    const inUse = await dataKey(arn(3), 25);
    await world.database.admin.query(
      'update vault.pii_vault set data_key_id = $1 where token = vault.token_bytes($2)',
      [inUse, token],
    );
    expect(await dropSpentKeys(maintain)).toEqual({ dropped: 2, kmsKeys: [arn(1)] });
    const { rows } = await world.database.admin.query<{ kms_key_arn: string }>(
      `select kms_key_arn from vault.data_keys where kms_key_arn like '%spent%' order by 1`,
    );
    expect(rows.map((row) => row.kms_key_arn)).toEqual([arn(2), arn(3)]);
  });
});
