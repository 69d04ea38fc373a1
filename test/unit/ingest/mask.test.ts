import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';

import type { DataKey, SealingKeys } from '../../../lib/crypto/data-key.ts';
import { type LoginEvent, parseLoginEvent } from '../../../lib/ingest/login-event.ts';
import { type MaskedBatch, maskLogins, type ReceivedLogin } from '../../../lib/ingest/mask.ts';
import { open } from '../../../lib/crypto/seal.ts';
import { createTokenizer } from '../../../lib/crypto/token.ts';
import { loginMessage } from '../../helpers/builders.ts';

const tokenizer = createTokenizer(randomBytes(32));
const dataKey: DataKey = {
  id: randomUUID(),
  wrapped: Buffer.from('wrapped'),
  kmsKeyArn: 'arn:aws:kms:eu-central-1:000000000000:key/example',
  key: createSecretKey(randomBytes(32)),
};

function sealingKeys() {
  return { take: vi.fn<SealingKeys['take']>(() => Promise.resolve(dataKey)) };
}

function receivedLogin(changes: Partial<LoginEvent> = {}): ReceivedLogin {
  return {
    messageId: randomUUID(),
    sentOn: '2026-01-31',
    resentOn: null,
    event: {
      userId: 'u1',
      deviceType: 'android',
      ip: '192.0.2.1',
      deviceId: '593-47',
      locale: 'RU',
      appVersion: 2_003_000,
      ...changes,
    },
  };
}

const opened = ({ sealed }: MaskedBatch) =>
  sealed.map(({ token, kind, ciphertext }) => ({
    token,
    value: open(dataKey.key, { kind, token, dataKeyId: dataKey.id }, ciphertext),
  }));

describe('maskLogins', () => {
  it('puts tokens in the place of address and device, and leaves the rest', async () => {
    const login = receivedLogin();
    const batch = await maskLogins([login], tokenizer, sealingKeys());
    const { event, ...message } = login;
    const { ip, deviceId, ...rest } = event;
    expect(batch.logins).toEqual([
      {
        ...message,
        ...rest,
        maskedIp: tokenizer.token('ip', ip!),
        maskedDeviceId: tokenizer.token('device_id', deviceId!),
      },
    ]);
  });

  it('seals each distinct value once, under its token', async () => {
    const keys = sealingKeys();
    const logins = [
      receivedLogin({ ip: '192.0.2.1', deviceId: 'd1' }),
      receivedLogin({ ip: '192.0.2.1', deviceId: 'd2' }),
      receivedLogin({ ip: '192.0.2.2', deviceId: 'd1' }),
    ];
    const batch = await maskLogins(logins, tokenizer, keys);
    expect(opened(batch)).toEqual([
      { token: tokenizer.token('ip', '192.0.2.1'), value: '192.0.2.1' },
      { token: tokenizer.token('ip', '192.0.2.2'), value: '192.0.2.2' },
      { token: tokenizer.token('device_id', 'd1'), value: 'd1' },
      { token: tokenizer.token('device_id', 'd2'), value: 'd2' },
    ]);
    expect(keys.take.mock.calls).toEqual([[4]]);
  });

  it('gives one token to equal values, and one seal', async () => {
    const spelled = ['2001:DB8:0:0::1', '2001:db8::1', '2001:0db8::0001'].map((ip) => {
      const login = parseLoginEvent(JSON.stringify(loginMessage({ ip, device_id: null })));
      return 'rejected' in login ? expect.fail(login.rejected) : receivedLogin(login);
    });
    const batch = await maskLogins(spelled, tokenizer, sealingKeys());
    expect(new Set(batch.logins.map(({ maskedIp }) => maskedIp)).size).toBe(1);
    expect(opened(batch).map(({ value }) => value)).toEqual(['2001:db8::1']);
  });

  it('gives unrelated tokens to one text as an address and as a device, and seals both', async () => {
    const login = receivedLogin({ ip: '192.0.2.1', deviceId: '192.0.2.1' });
    const batch = await maskLogins([login], tokenizer, sealingKeys());
    expect(batch.logins[0]?.maskedIp?.slice(-27)).not.toBe(
      batch.logins[0]?.maskedDeviceId?.slice(-27),
    );
    expect(batch.sealed.map(({ kind }) => kind)).toEqual(['ip', 'device_id']);
  });

  it('seals nothing and asks for no key where all is null', async () => {
    const keys = sealingKeys();
    const login = receivedLogin({ ip: null, deviceId: null });
    const batch = await maskLogins([login, login], tokenizer, keys);
    expect(batch).toMatchObject({
      logins: [
        { maskedIp: null, maskedDeviceId: null },
        { maskedIp: null, maskedDeviceId: null },
      ],
      sealed: [],
      dataKey: null,
    });
    expect(keys.take).not.toHaveBeenCalled();
  });

  it('hands on the wrapped data key and not the key', async () => {
    const batch = await maskLogins([receivedLogin()], tokenizer, sealingKeys());
    const { key: _key, ...stored } = dataKey;
    expect(batch.dataKey).toEqual(stored);
  });

  it('holds no plain value in what is written', async () => {
    const login = receivedLogin({ ip: '198.51.100.77', deviceId: 'device-canary' });
    const batch = await maskLogins([login], tokenizer, sealingKeys());
    const written = JSON.stringify(batch, (_name, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    expect(written).not.toContain('198.51.100.77');
    expect(written).not.toContain('device-canary');
  });
});
