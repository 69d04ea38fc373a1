import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';

import type { DataKey, SealingKeys } from '../../../lib/crypto/data-key.ts';
import { type LoginEvent, parseLoginEvent } from '../../../lib/ingest/login-event.ts';
import { type MaskedBatch, maskLogins, type ReceivedLogin } from '../../../lib/ingest/mask.ts';
import { perKind, piiFields, piiKinds } from '../../../lib/pii-fields.ts';
import { open } from '../../../lib/crypto/seal.ts';
import { createTokenizer } from '../../../lib/crypto/token.ts';
import { loginMessage, noPersonalFields } from '../../helpers/builders.ts';

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

const noValues = perKind(() => null);

/** A login with these personal values, and an example for each other kind. */
function receivedLogin(pii: Partial<LoginEvent['pii']> = {}): ReceivedLogin {
  return {
    messageId: randomUUID(),
    sentOn: '2026-01-31',
    resentOn: null,
    event: {
      userId: 'u1',
      deviceType: 'android',
      pii: { ...perKind(({ example }) => example(1)), ...pii },
      locale: 'RU',
      appVersion: 2_003_000,
    },
  };
}

const opened = ({ sealed }: MaskedBatch) =>
  sealed.map(({ token, kind, ciphertext }) => ({
    token,
    value: open(dataKey.key, { kind, token, dataKeyId: dataKey.id }, ciphertext),
  }));

describe('maskLogins', () => {
  it('puts a token in the place of each personal value, and leaves the rest', async () => {
    const login = receivedLogin();
    const batch = await maskLogins([login], tokenizer, sealingKeys());
    const { event, ...message } = login;
    const { pii, ...rest } = event;
    const tokens = perKind(({ kind }) => tokenizer.token(kind, pii[kind]!));
    expect(batch.logins).toEqual([{ ...message, ...rest, tokens }]);
  });

  it('seals each distinct value once, under its token', async () => {
    const keys = sealingKeys();
    const logins = [
      receivedLogin({ ...noValues, ip: '192.0.2.1', device_id: 'd1' }),
      receivedLogin({ ...noValues, ip: '192.0.2.1', device_id: 'd2' }),
      receivedLogin({ ...noValues, ip: '192.0.2.2', device_id: 'd1' }),
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

  it.each(piiFields)('seals the value of a login that has only its $kind', async (field) => {
    const { kind } = field;
    const value = field.example(7);
    const keys = sealingKeys();
    const batch = await maskLogins(
      [receivedLogin({ ...noValues, [kind]: value })],
      tokenizer,
      keys,
    );
    const token = tokenizer.token(kind, value);
    expect(batch.logins[0]?.tokens).toEqual({ ...noValues, [kind]: token });
    expect(opened(batch)).toEqual([{ token, value }]);
    expect(keys.take.mock.calls).toEqual([[1]]);
  });

  it('gives one token to equal values, and one seal', async () => {
    const spelled = ['2001:DB8:0:0::1', '2001:db8::1', '2001:0db8::0001'].map((ip) => {
      const login = parseLoginEvent(JSON.stringify(loginMessage({ ...noPersonalFields, ip })));
      return 'rejected' in login ? expect.fail(login.rejected) : receivedLogin(login.pii);
    });
    const batch = await maskLogins(spelled, tokenizer, sealingKeys());
    expect(new Set(batch.logins.map(({ tokens }) => tokens.ip)).size).toBe(1);
    expect(opened(batch).map(({ value }) => value)).toEqual(['2001:db8::1']);
  });

  it('gives unrelated tokens to one text as values of each kind, and seals all', async () => {
    const login = receivedLogin(perKind(() => '192.0.2.1'));
    const batch = await maskLogins([login], tokenizer, sealingKeys());
    const tokens = Object.values(batch.logins[0]!.tokens).map((token) => token?.slice(-27));
    expect(new Set(tokens).size).toBe(piiKinds.length);
    expect(batch.sealed.map(({ kind }) => kind)).toEqual(piiKinds);
  });

  it('seals nothing and asks for no key where all is null', async () => {
    const keys = sealingKeys();
    const login = receivedLogin(noValues);
    const batch = await maskLogins([login, login], tokenizer, keys);
    expect(batch).toMatchObject({
      logins: [{ tokens: noValues }, { tokens: noValues }],
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
    const pii = perKind(({ kind }) => `canary of ${kind}`);
    const batch = await maskLogins([receivedLogin(pii)], tokenizer, sealingKeys());
    const written = JSON.stringify(batch, (_name, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    expect(written).not.toContain('canary of');
  });
});
