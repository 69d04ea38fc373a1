import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { lookUp as lookUpTokens, presentGeneration } from '../../../db/audited-requests.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { parseValuesRequest } from '../../../lib/requests/request.ts';
import { createTokenizerSource } from '../../../lib/crypto/token.ts';
import { tokenize, type TokenizeDeps } from '../../../lib/requests/tokenize.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { ingestDeps, silentLog, silentMetrics } from '../../helpers/vault.ts';

const analyst = { id: 'arn:aws:iam::123456789012:user/analyst', source: 'iam' } as const;
const kms = createKmsDouble();

let database: TestDatabase;
let deps: TokenizeDeps;
beforeAll(async () => {
  database = await createTestDatabase();
  const pool = database.as('vault_tokenize');
  deps = {
    tokenizer: createTokenizerSource(kms),
    lookUp: (context, tokens) => lookUpTokens(pool, context, tokens),
    generation: () => presentGeneration(pool),
    log: silentLog,
    metrics: silentMetrics,
  };
  const login = loginMessage({ ip: '2001:db8::1', device_id: null });
  await ingest([sqsRecord(login)], ingestDeps(database, kms));
});
afterAll(() => database.drop());

function lookUp(values: string[]): ReturnType<typeof tokenize> {
  const request = { kind: 'ip', values, reason: 'where did it log in?' };
  return tokenize(parseValuesRequest(request), analyst, randomUUID(), deps);
}

describe('tokenize', () => {
  it('finds the logins of an address, whichever way it is written', async () => {
    const { tokens } = await lookUp(['2001:0DB8:0:0:0:0:0:1']);

    expect(tokens).toEqual([{ token: expect.stringMatching(/^ip_v1_/), held: true }]);
    const { rows } = await database
      .as('vault_analyst')
      .query('select 1 from user_logins where masked_ip = $1', [tokens[0]?.token]);
    expect(rows).toHaveLength(1);
  });

  it('answers in the order asked, also for what the vault does not hold', async () => {
    const { tokens } = await lookUp(['198.51.100.7', '2001:db8::1', '198.51.100.7']);
    expect(tokens.map(({ held }) => held)).toEqual([false, true, false]);
    expect(tokens[0]?.token).toBe(tokens[2]?.token);
  });

  it('opens nothing', async () => {
    const before = { ...kms.calls };
    await lookUp(['2001:db8::1']);
    expect(kms.calls).toEqual(before);
  });

  it('writes an audit row a token, without the value', async () => {
    const { requestId, tokens } = await lookUp(['203.0.113.77', '2001:db8::1']);
    const { rows } = await database.admin.query(
      'select action, principal, token, outcome from vault.reveal_audit where request_id = $1 order by id',
      [requestId],
    );
    expect(rows).toEqual([
      { action: 'tokenize', principal: analyst.id, token: tokens[0]?.token, outcome: 'unknown' },
      { action: 'tokenize', principal: analyst.id, token: tokens[1]?.token, outcome: 'held' },
    ]);
  });

  it('returns nothing when the audit cannot be written', async () => {
    await database.admin.query(
      'alter table vault.reveal_audit add constraint refuses check (false) not valid',
    );
    await expect(lookUp(['2001:db8::1'])).rejects.toMatchObject({ name: 'VaultUnavailable' });
    await database.admin.query('alter table vault.reveal_audit drop constraint refuses');
  });

  it('is not allowed to read a sealed value', async () => {
    await expect(
      database.as('vault_tokenize').query('select ciphertext from vault.pii_vault'),
    ).rejects.toThrow('permission denied');
  });
});
