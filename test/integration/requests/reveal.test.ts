import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { IngestDeps } from '../../../lib/ingest/deps.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import type { Principal } from '../../../lib/audit/entry.ts';
import { reveal, type RevealDeps } from '../../../lib/requests/reveal.ts';
import { someToken } from '../../helpers/audit.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { terminate } from '../../helpers/faults.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { ingestDeps, revealDeps } from '../../helpers/vault.ts';

const kms = createKmsDouble();
const reason = 'ticket 4711: fraud';
const principal: Principal = { id: 'jane', source: 'claimed' };

let database: TestDatabase;
let ingesting: IngestDeps;
let deps: RevealDeps;
beforeAll(async () => {
  database = await createTestDatabase();
  ingesting = ingestDeps(database, kms);
  deps = revealDeps(database, kms);
});
afterAll(() => database.drop());

/** Takes a login in, and returns its tokens. */
async function stored(login: { ip?: string | null; device_id?: string | null } = {}) {
  const userId = randomUUID();
  await ingest([sqsRecord(loginMessage({ ...login, user_id: userId }))], ingesting);
  const { rows } = await database.admin.query<{ masked_ip: string; masked_device_id: string }>(
    'select masked_ip, masked_device_id from user_logins where user_id = $1',
    [userId],
  );
  return { ip: rows[0]!.masked_ip, deviceId: rows[0]!.masked_device_id };
}

async function auditRows(requestId: string): Promise<Record<string, unknown>[]> {
  const { rows } = await database.admin.query<Record<string, unknown>>(
    `select action, request_id, principal, principal_source, reason, token, outcome,
       at between now() - interval '1 minute' and now() as recent
     from vault.reveal_audit where request_id = $1 order by id`,
    [requestId],
  );
  return rows;
}

const ask = (tokens: string[], requestId: string = randomUUID()) =>
  reveal({ tokens, reason }, principal, requestId, deps);

describe('reveal', () => {
  it.each([
    ['192.0.2.77', '192.0.2.77'],
    ['2001:DB8:0:0::77', '2001:db8::77'],
    ['::FFFF:192.0.2.78', '192.0.2.78'],
  ])('gives the address %s back as %s', async (ip, canonical) => {
    const { ip: token } = await stored({ ip });
    expect((await ask([token])).revealed).toEqual([{ token, kind: 'ip', value: canonical }]);
  });

  it.each([
    ['593-47-4271', '593-47-4271'],
    ['  Gera\u0308t\t', 'Gerät'],
    ['😀'.repeat(256), '😀'.repeat(256)],
    ['a\u0001"\\\n\u{10FFFF}b', 'a\u0001"\\\n\u{10FFFF}b'],
  ])('gives the device %j back in canonical form', async (device, canonical) => {
    const { deviceId: token } = await stored({ device_id: device });
    expect((await ask([token])).revealed).toEqual([{ token, kind: 'device_id', value: canonical }]);
  });

  it('answers with the request, its caller and the values, in the order asked', async () => {
    const logins = [await stored(), await stored(), await stored()];
    const tokens = logins.flatMap(({ ip, deviceId }) => [deviceId, ip]).toSorted();
    const unknown = [someToken(1), someToken(2)];
    const asked = [...tokens.slice(3), unknown[1]!, ...tokens.slice(0, 3), unknown[0]!];
    const requestId = randomUUID();
    const answer = await ask(asked, requestId);
    expect(answer).toEqual({
      requestId,
      principal,
      revealed: expect.any(Array),
      missing: [
        { token: unknown[1], why: 'unknown' },
        { token: unknown[0], why: 'unknown' },
      ],
    });
    expect(answer.revealed.map(({ token }) => token)).toEqual([
      ...tokens.slice(3),
      ...tokens.slice(0, 3),
    ]);
  });

  it('gives back values sealed by several containers', async () => {
    const first = await stored();
    ingesting = ingestDeps(database, kms);
    const second = await stored();
    expect((await ask([first.ip, second.ip])).revealed).toHaveLength(2);
  });

  it('asks KMS once for values under one data key', async () => {
    const own = revealDeps(database, kms);
    ingesting = ingestDeps(database, kms);
    const tokens = [await stored(), await stored()].flatMap(({ ip, deviceId }) => [ip, deviceId]);
    const before = kms.calls.Decrypt;
    for (let round = 0; round < 3; round += 1) {
      await reveal({ tokens, reason }, principal, randomUUID(), own);
    }
    expect(kms.calls.Decrypt).toBe(before + 1);
  });

  it('records one row a token, in the order asked, before it answers', async () => {
    const { ip, deviceId } = await stored();
    const requestId = randomUUID();
    await ask([deviceId, someToken(3), ip], requestId);
    const row = {
      action: 'reveal',
      request_id: requestId,
      principal: 'jane',
      principal_source: 'claimed',
      reason,
      recent: true,
    };
    expect(await auditRows(requestId)).toEqual([
      { ...row, token: deviceId, outcome: 'revealed' },
      { ...row, token: someToken(3), outcome: 'unknown' },
      { ...row, token: ip, outcome: 'revealed' },
    ]);
  });

  it('records a verified caller as verified', async () => {
    const id = 'arn:aws:sts::123456789012:assumed-role/Support/jane';
    const requestId = randomUUID();
    const { ip } = await stored();
    const verified = revealDeps(database, kms, 'vault_reveal_url');
    await reveal({ tokens: [ip], reason }, { id, source: 'iam' }, requestId, verified);
    expect(await auditRows(requestId)).toMatchObject([{ principal: id, principal_source: 'iam' }]);
  });

  it('answers a hundred tokens with a hundred rows', async () => {
    const tokens = Array.from({ length: 100 }, (_, index) => someToken(1000 + index));
    const requestId = randomUUID();
    expect((await ask(tokens, requestId)).missing).toHaveLength(100);
    expect((await auditRows(requestId)).map(({ token }) => token)).toEqual(tokens);
  });

  it('keeps text of the caller as text', async () => {
    const hostile = `'); drop table vault.reveal_audit; --`;
    const requestId = randomUUID();
    await reveal(
      { tokens: [someToken(4)], reason: hostile },
      { id: hostile, source: 'claimed' },
      requestId,
      deps,
    );
    expect(await auditRows(requestId)).toMatchObject([{ principal: hostile, reason: hostile }]);
  });

  it('answers at once after its connection was closed', async () => {
    const { ip } = await stored();
    for (let round = 0; round < 10; round += 1) {
      expect((await ask([ip])).revealed).toHaveLength(1);
      expect(await terminate(database, 'vault_reveal')).toBeGreaterThan(0);
    }
    expect((await ask([ip])).revealed).toHaveLength(1);
  });
});
