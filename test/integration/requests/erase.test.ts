import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { eraseValues } from '../../../db/audited-requests.ts';
import { readAudit } from '../../../db/read-audit.ts';
import { chainStart, verifyChain } from '../../../lib/audit/chain.ts';
import { erase, type EraseCertificate, type EraseDeps } from '../../../lib/requests/erase.ts';
import type { IngestDeps } from '../../../lib/ingest/deps.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { reveal, type RevealDeps } from '../../../lib/requests/reveal.ts';
import { someToken } from '../../helpers/audit.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { startFaultyProxy } from '../../helpers/faulty-proxy.ts';
import { eraseDeps, ingestDeps, revealDeps } from '../../helpers/vault.ts';

const investigator = { id: 'investigator', source: 'claimed' } as const;
const officer = { id: 'arn:aws:iam::123456789012:user/officer', source: 'iam' } as const;
const reason = 'erasure request 2026-17';
const kms = createKmsDouble();

let database: TestDatabase;
let ingesting: IngestDeps;
let revealing: RevealDeps;
let erasing: EraseDeps;
let deviceId: string;
let token: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ingesting = ingestDeps(database, kms);
  revealing = revealDeps(database, kms);
  erasing = eraseDeps(database);
});
afterAll(() => database.drop());

beforeEach(async () => {
  deviceId = randomUUID();
  token = await ingesting.tokenizer().then((tokenizer) => tokenizer.token('device_id', deviceId));
  await login();
});

async function login(messageId = randomUUID()): Promise<void> {
  await ingest([sqsRecord(loginMessage({ device_id: deviceId }), { messageId })], ingesting);
}

function eraseTokens(tokens: string[]): Promise<EraseCertificate> {
  return erase({ tokens, reason }, officer, randomUUID(), erasing);
}

function revealToken(): ReturnType<typeof reveal> {
  return reveal({ tokens: [token], reason }, investigator, randomUUID(), revealing);
}

async function loginsOf(maskedDeviceId: string): Promise<number> {
  const { rows } = await database
    .as('vault_analyst')
    .query<{ count: number }>(
      'select count(*)::integer as count from user_logins where masked_device_id = $1',
      [maskedDeviceId],
    );
  return rows[0]!.count;
}

describe('erase', () => {
  it('removes the value for good, and leaves the token to count by', async () => {
    await eraseTokens([token]);

    expect(await revealToken()).toMatchObject({
      revealed: [],
      missing: [{ token, why: 'erased' }],
    });
    expect(await loginsOf(token)).toBe(1);
  });

  it('certifies what, when, by whom, and the audit row that verifies with it', async () => {
    const certificate = await eraseTokens([token, someToken(1)]);

    expect(certificate).toMatchObject({
      principal: officer,
      reason,
      erased: [token],
      missing: [{ token: someToken(1), why: 'unknown' }],
      erasedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
    });
    const known = { id: certificate.audit.id, hash: Buffer.from(certificate.audit.hash, 'hex') };
    const rows = readAudit(database.as('vault_auditor'));
    expect(await verifyChain(rows, chainStart, [known])).toMatchObject({ findings: [] });
  });

  it('erases once: a second time the token is missing as erased', async () => {
    await eraseTokens([token]);
    expect(await eraseTokens([token])).toMatchObject({
      erased: [],
      missing: [{ token, why: 'erased' }],
    });
  });

  it('finds its certificate when it is repeated under the same request, because the answer was lost', async () => {
    const requestId = randomUUID();
    const context = { requestId, principal: officer, reason };
    const pool = database.as('vault_erase');
    for (const suppress of [false, true]) {
      const first = await eraseValues(pool, context, [someToken(1), token], suppress);
      const { rows: before } = await database.admin.query('select from vault.reveal_audit');
      expect(await eraseValues(pool, context, [someToken(1), token], suppress)).toEqual(first);
      const { rows: after } = await database.admin.query('select from vault.reveal_audit');
      expect(after).toHaveLength(before.length);
    }
    // what is not the same request is another one
    const others = [
      { ...context, requestId: randomUUID() },
      { ...context, reason: `${reason}, again` },
      { ...context, principal: { ...officer, id: `${officer.id}-2` } },
    ];
    for (const other of others) {
      const { outcomes } = await eraseValues(pool, other, [someToken(1), token], true);
      expect(outcomes.get(token)).toBe('already_erased');
    }
  });

  it('certifies what it erased when the answer of the database was lost', async () => {
    const proxy = await startFaultyProxy(database.port);
    const pool = database.as('vault_erase', proxy.port);
    let lost = 0;
    proxy.arm('answer lost', 1, () => (lost += 1));
    const certificate = await erase({ tokens: [token], reason }, officer, randomUUID(), {
      ...erasing,
      erase: (...request) => eraseValues(pool, ...request),
    });
    expect(lost).toBe(1);
    expect(certificate).toMatchObject({ erased: [token], missing: [] });
    await pool.end();
    await proxy.close();
  });

  it('seals the same value again when it comes in a new message', async () => {
    await eraseTokens([token]);
    await login();
    expect(await revealToken()).toMatchObject({ revealed: [{ token, value: deviceId }] });
    expect(await loginsOf(token)).toBe(2);
  });

  it('is not undone by a message delivered again', async () => {
    const messageId = randomUUID();
    await login(messageId);
    await eraseTokens([token]);
    await login(messageId);
    expect(await revealToken()).toMatchObject({ missing: [{ token, why: 'erased' }] });
    expect(await loginsOf(token)).toBe(2);
  });

  it('commits nothing when its audit row cannot be written', async () => {
    await database.admin.query(
      'alter table vault.reveal_audit add constraint refuses check (false) not valid',
    );
    await expect(eraseTokens([token])).rejects.toMatchObject({ name: 'VaultUnavailable' });
    await database.admin.query('alter table vault.reveal_audit drop constraint refuses');
    expect(await revealToken()).toMatchObject({ revealed: [{ token }] });
  });

  it('wins over a reveal that was recorded before it, and had not taken the value', async () => {
    // the reveal stands between its record and the value while the erase commits
    const late: RevealDeps = {
      ...revealing,
      take: async (requestId) => {
        await eraseTokens([token]);
        return revealing.take(requestId);
      },
    };
    expect(
      await reveal({ tokens: [token], reason }, investigator, randomUUID(), late),
    ).toMatchObject({
      revealed: [],
      missing: [{ token, why: 'erased' }],
    });
  });

  it('does not deadlock with others that erase the same tokens in another order', async () => {
    const tokens = Array.from({ length: 50 }, (_, n) => someToken(n));
    const pools = [database.as('vault_erase'), database.as('vault_erase')];
    await Promise.all(
      pools.flatMap((pool, index) => {
        const deps: EraseDeps = {
          ...erasing,
          erase: (context, asked) => eraseValues(pool, context, asked),
        };
        const ordered = index === 0 ? tokens : tokens.toReversed();
        return Array.from({ length: 10 }, () =>
          erase({ tokens: ordered, reason }, officer, randomUUID(), deps),
        );
      }),
    );
  });
});
