import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  AccessDenied,
  CallerUnverified,
  InvalidRequest,
  InvalidUrl,
  NoCredentials,
  QuotaExceeded,
  SealBroken,
  Throttled,
  UnexpectedAnswer,
  VaultCallError,
  VaultUnavailable,
  VaultUnreachable,
} from '../../../client/errors.ts';
import { createVaultClient, type VaultClientOptions } from '../../../client/vault-client.ts';
import * as server from '../../../lib/errors.ts';
import { respond } from '../../../lib/requests/function-url.ts';
import { readable } from '../../helpers/readable.ts';
import {
  answering,
  breaking,
  type SignedServer,
  startSignedServer,
} from '../../helpers/signed-server.ts';

const secretAccessKey = 'canary-secret-key';
const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey, sessionToken: 'canary-session' };
const urls = {
  reveal: 'https://revealid.lambda-url.eu-west-1.on.aws/',
  tokenize: 'https://tokenizeid.lambda-url.eu-west-1.on.aws/',
  erase: 'https://eraseid.lambda-url.eu-west-1.on.aws/',
};
const tokens = [`ip_v1_${'A'.repeat(27)}`];
const reason = 'fraud case 4711 – Grüße';

const quota = { limit: 'quota', allowed: 20, remaining: 0 } as const;

let vault: SignedServer;

beforeEach(async () => {
  vault = await startSignedServer(secretAccessKey);
  vault.answers.push(answering(200, { requestId: 'r' }));
});

afterEach(() => vault.close());

function client(changes: Partial<VaultClientOptions> = {}) {
  const retry = { attempts: 3, baseDelayMs: 1 };
  return createVaultClient({ urls, credentials, endpoint: vault.endpoint, retry, ...changes });
}

async function failure(call: Promise<unknown>): Promise<VaultCallError> {
  const error: unknown = await call.then(
    () => expect.fail('succeeded'),
    (reasonOfIt: unknown) => reasonOfIt,
  );
  expect(error).toBeInstanceOf(VaultCallError);
  return error as VaultCallError;
}

/** What a function's URL answers when the function throws this. */
async function answerOf(error: Error): Promise<SignedServer['answers'][number]> {
  const answer = (await respond(async () => {
    throw error;
  })) as {
    statusCode: number;
    body: string;
  };
  return answering(answer.statusCode, JSON.parse(answer.body));
}

describe('the client', () => {
  it('signs each request for the service and the region of its URL', async () => {
    expect(await client().reveal(tokens, reason)).toEqual({ requestId: 'r' });
    await client().tokenize('ip', ['192.0.2.1'], reason);
    await client().erase(tokens, reason);
    await client().erase(tokens, reason, { suppress: true });
    await client().lift(tokens, reason);
    expect(vault.received).toMatchObject([
      { path: '/_aws/lambda-url/revealid/', body: { tokens, reason }, isSigned: true },
      {
        path: '/_aws/lambda-url/tokenizeid/',
        body: { kind: 'ip', values: ['192.0.2.1'], reason },
        isSigned: true,
      },
      { path: '/_aws/lambda-url/eraseid/', body: { tokens, reason }, isSigned: true },
      {
        path: '/_aws/lambda-url/eraseid/',
        body: { tokens, reason, suppress: true },
        isSigned: true,
      },
      { path: '/_aws/lambda-url/eraseid/', body: { tokens, reason, lift: true }, isSigned: true },
    ]);
    for (const { headers } of vault.received) {
      expect(headers['authorization']).toMatch(
        /Credential=AKIAEXAMPLE\/\d{8}\/eu-west-1\/lambda\/aws4_request, SignedHeaders=\S*x-amz-security-token/,
      );
    }
  });

  it('signs with another key in vain', async () => {
    await client({ credentials: { ...credentials, secretAccessKey: 'another' } }).reveal(
      tokens,
      '',
    );
    expect(vault.received).toMatchObject([{ isSigned: false }]);
  });

  it('asks for credentials at each call, and says plainly that there are none', async () => {
    const keys = [credentials, { ...credentials, accessKeyId: 'AKIASECOND' }];
    const rotating = client({ credentials: async () => keys.shift()! });
    await rotating.reveal(tokens, reason);
    await rotating.reveal(tokens, reason);
    expect(vault.received[1]?.headers['authorization']).toContain('AKIASECOND');

    const none = client({ credentials: () => Promise.reject(new Error('canary')) });
    const error = await failure(none.reveal(tokens, reason));
    expect(error).toBeInstanceOf(NoCredentials);
    expect(readable(error)).not.toContain('canary');
  });

  it.each([
    [new server.InvalidRequest('tokens[3]', 'is not a token'), InvalidRequest],
    [new server.CallerUnverified(), CallerUnverified],
    [new server.SealBroken(), SealBroken],
    [new server.VaultUnavailable('KMS'), VaultUnavailable],
    [new server.QuotaExceeded({ ...quota, retryAt: null }), QuotaExceeded],
  ])('throws what the function threw: %s', async (thrown, type) => {
    vault.answers = [await answerOf(thrown)];
    const error = await failure(client().reveal(tokens, reason));
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ name: thrown.name, code: thrown.code, message: thrown.message });
  });

  it('tells how many tokens the quota leaves', async () => {
    const left = new server.QuotaExceeded({ ...quota, remaining: 49, retryAt: new Date() });
    vault.answers = [await answerOf(left)];
    expect(await failure(client().reveal(tokens, reason))).toMatchObject({ remaining: 49 });
  });

  it('tells when a caller that met its quota may try again, and does not try before', async () => {
    const retryAt = new Date(Date.UTC(2026, 0, 31, 23, 59, 59, 123));
    const error = new server.QuotaExceeded({ ...quota, limit: 'cap', retryAt });
    vault.answers = [await answerOf(error)];
    expect(await failure(client().reveal(tokens, reason))).toMatchObject({
      limit: 'cap',
      remaining: null,
      retryAt,
    });
    expect(vault.received).toHaveLength(1);
  });

  it.each([
    [403, { Message: 'Forbidden. canary' }, AccessDenied],
    [403, { message: 'The canonical string should have been canary' }, AccessDenied],
    [429, { Message: 'Rate Exceeded. canary' }, Throttled],
    [502, 'Internal Server Error canary', UnexpectedAnswer],
    [404, { error: 'canary' }, UnexpectedAnswer],
    [200, undefined, UnexpectedAnswer],
  ])('does not repeat what Lambda says itself with %i %j', async (status, body, type) => {
    vault.answers = [answering(status, body)];
    const error = await failure(client().erase(tokens, reason));
    expect(error).toBeInstanceOf(type);
    expect(readable(error)).not.toContain('canary');
  });

  it('shows neither keys nor values in an error', async () => {
    vault.answers = [breaking];
    for (const call of [
      client().reveal(tokens, reason),
      client().tokenize('ip', ['192.0.2.1'], reason),
    ]) {
      const text = readable(await failure(call));
      for (const secret of ['canary', '192.0.2.1', tokens[0]!, reason]) {
        expect(text).not.toContain(secret);
      }
    }
  });
});

describe('a call that fails', () => {
  const unavailable = answering(503, { error: 'VaultUnavailable', message: 'try again' });
  const throttled = answering(429, { Message: 'Rate Exceeded.' });
  const fine = answering(200, {});

  it.each([
    ['the vault is unavailable', unavailable],
    ['Lambda has no capacity', throttled],
    ['the connection breaks', breaking],
  ])('is repeated for reveal and tokenize when %s', async (_what, fault) => {
    vault.answers = [fault, fault, fine];
    await client().reveal(tokens, reason);
    vault.answers = [fault, fine];
    await client().tokenize('ip', ['192.0.2.1'], reason);
    expect(vault.received).toHaveLength(5);
    expect(vault.received.every(({ isSigned }) => isSigned)).toBe(true);
  });

  it('is given up after the last attempt', async () => {
    vault.answers = [unavailable];
    expect(await failure(client().reveal(tokens, reason))).toBeInstanceOf(VaultUnavailable);
    expect(vault.received).toHaveLength(3);
  });

  it('is repeated for erase only when the function did not run', async () => {
    vault.answers = [throttled, fine];
    await client().erase(tokens, reason);
    expect(vault.received).toHaveLength(2);
    for (const fault of [unavailable, breaking]) {
      vault.answers = [fault, fine];
      await failure(client().erase(tokens, reason));
    }
    expect(vault.received).toHaveLength(4);
  });

  it('is ended when the URL takes too long', async () => {
    vault.answers = [() => undefined];
    const hasty = client({ timeoutMs: 20, retry: { attempts: 1, baseDelayMs: 1 } });
    expect(await failure(hasty.reveal(tokens, reason))).toMatchObject({ wasNotSent: false });
  });

  it('knows when no connection was made', async () => {
    vault.close();
    const error = await failure(client().erase(tokens, reason));
    expect(error).toBeInstanceOf(VaultUnreachable);
    expect(error).toMatchObject({ wasNotSent: true, message: expect.stringMatching(/REFUSED/) });
  });

  it('does not follow a redirect to another host', async () => {
    const elsewhere = await startSignedServer(secretAccessKey);
    elsewhere.answers.push(fine);
    vault.answers = [
      (response) => response.writeHead(307, { location: `${elsewhere.endpoint}/` }).end(),
    ];
    const error = await failure(client().erase(tokens, reason));
    elsewhere.close();
    expect(error).toBeInstanceOf(VaultUnreachable);
    expect(elsewhere.received).toEqual([]);
  });
});

describe('the URL of a function', () => {
  it.each([
    ['plain HTTP', 'http://abc.lambda-url.eu-west-1.on.aws/'],
    ['another host', 'https://example.org/'],
    ['another host that begins alike', 'https://abc.example.lambda-url.org/'],
    ['no URL', 'canary'],
  ])('is refused when it is %s', async (_what, url) => {
    const error = await failure(
      createVaultClient({ urls: { reveal: url }, credentials }).reveal(tokens, reason),
    );
    expect(error).toBeInstanceOf(InvalidUrl);
    expect(error.message).not.toContain(url);
  });

  it('may be that of an emulator on this machine, in the form that curl calls', async () => {
    const reveal = `${vault.endpoint}/_aws/lambda-url/revealid/`;
    await createVaultClient({ urls: { reveal }, credentials }).reveal(tokens, reason);
    expect(vault.received).toMatchObject([{ path: '/_aws/lambda-url/revealid/', isSigned: true }]);
  });

  it('is refused in that form when the emulator is on another machine', async () => {
    const reveal = 'http://emulator.example:4566/_aws/lambda-url/revealid/';
    const remote = createVaultClient({ urls: { reveal }, credentials });
    expect(await failure(remote.reveal(tokens, reason))).toBeInstanceOf(InvalidUrl);
  });

  it('is refused when the emulator of another machine would get it in plain HTTP', async () => {
    const remote = client({ endpoint: 'http://emulator.example:4566' });
    expect(await failure(remote.reveal(tokens, reason))).toBeInstanceOf(InvalidUrl);
  });

  it('is needed only for what is called', async () => {
    const revealer = client({ urls: { reveal: urls.reveal } });
    await revealer.reveal(tokens, reason);
    expect(await failure(revealer.erase(tokens, reason))).toBeInstanceOf(InvalidUrl);
  });
});
