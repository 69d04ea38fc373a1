import { Signer } from '@aws-sdk/rds-signer';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { iamToken } from '../../../db/iam-token.ts';
import { InvalidConfig } from '../../../lib/errors.ts';

const database = { host: 'vault.cluster-x.eu-central-1.rds.amazonaws.com', port: 5432 };

function parts(text: string) {
  const { host, pathname, searchParams } = new URL(`https://${text}`);
  return { where: host, pathname, parameters: Object.fromEntries(searchParams) };
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 31), toFake: ['Date'] });
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret/with+signs=');
  vi.stubEnv('AWS_SESSION_TOKEN', 'session/token+with==signs');
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

describe('the password of a connection', () => {
  it.each(['vault_ingest', 'a user+1'])("is that of AWS's own signer, for %s", async (user) => {
    const token = await iamToken({ ...database, user });
    const { host, port } = database;
    const expected = await new Signer({ hostname: host, port, username: user }).getAuthToken();
    expect(parts(token)).toEqual(parts(expected));
    expect(parts(token)).toMatchObject({
      where: `${host}:${port}`,
      parameters: { Action: 'connect', DBUser: user, 'X-Amz-Expires': '900' },
    });
  });

  it('has no session where the credentials have none', async () => {
    vi.stubEnv('AWS_SESSION_TOKEN', undefined);
    expect(await iamToken({ ...database, user: 'vault_ingest' })).not.toContain('Security-Token');
  });

  it('needs credentials', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    await expect(iamToken({ ...database, user: 'vault_ingest' })).rejects.toThrow(InvalidConfig);
  });
});
