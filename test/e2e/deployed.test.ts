import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { AccessDenied, VaultUnavailable } from '../../client/errors.ts';
import { localClient } from '../../scripts/local/local-client.ts';
import { localAws } from '../../scripts/local/settings.ts';
import { loginMessage } from '../helpers/builders.ts';
import { functionUrlEvent } from '../helpers/function-url-event.ts';
import { type Caller, createCaller } from './callers.ts';
import {
  describeOnEmulator,
  eventually,
  type OwnStack,
  ownSettings,
  removeOwnStack,
  startOwnStack,
} from './own-stack.ts';

const atLeast = (least: number) => (count: number) => count >= least;

const named = (name: string) => ({ FunctionName: `pii-vault-local-${name}` });

const settings = await ownSettings();
const request = { reason: 'the end-to-end test asks', requestedBy: 'vitest' };

describeOnEmulator('the vault, deployed with sls', () => {
  let stack: OwnStack;

  beforeAll(async () => {
    stack = await startOwnStack(settings);
  });

  afterAll(async () => {
    await removeOwnStack(settings);
  });

  const storedLogins = (userId: string) =>
    stack.query(
      `select user_id, device_type, masked_ip, masked_device_id, locale, app_version
       from public.user_logins where user_id = $1`,
      [userId],
    );
  const countLogins = async (userId: string) => (await storedLogins(userId)).length;

  const askedToken = async () => String((await storedLogins('asked'))[0]?.['masked_ip']);

  test('stores logins under equal tokens for equal values', async () => {
    const login = loginMessage({ user_id: 'equal', ip: '2001:db8::1', app_version: '2.3' });
    await stack.send(login, { ...login, ip: '2001:0DB8:0:0:0:0:0:1' });
    await eventually(() => countLogins('equal'), atLeast(2));

    const [first, second] = await storedLogins('equal');
    expect(first).toEqual(second);
    expect(first).toMatchObject({
      device_type: login['device_type'],
      masked_ip: expect.stringMatching(/^ip_v1_[\w-]{27}$/),
      masked_device_id: expect.stringMatching(/^device_id_v1_[\w-]{27}$/),
      locale: login['locale'],
      app_version: 2_003_000,
    });
  });

  test('sends what can never be stored to the dead letters, with the reason, and stores the rest', async () => {
    const bodies = ['no JSON', '[]', loginMessage({ ip: '300.1.2.3' })];
    await stack.send(...bodies, loginMessage({ user_id: 'beside' }));
    await eventually(() => countLogins('beside'), atLeast(1));
    const letters = await eventually(
      () => stack.deadLetters(),
      (found) => found.length >= bodies.length,
    );

    const reasons = Object.fromEntries(
      letters.map(({ body, attributes }) => [body, attributes['reason']]),
    );
    expect(reasons).toEqual({
      'no JSON': 'invalid_json',
      '[]': 'invalid_message',
      [JSON.stringify(bodies[2])]: 'invalid_field:ip',
    });
    for (const { attributes } of letters) {
      expect(attributes['sourceMessageId']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test('stores once what arrives while the database is down', async () => {
    await stack.pauseDatabase();
    try {
      await stack.send(loginMessage({ user_id: 'patient' }));
      await eventually(
        () => stack.log(),
        (log) => log.includes('slice failed') || log.includes('failed processing SQS batch'),
      );
    } finally {
      await stack.resumeDatabase();
    }
    await eventually(() => countLogins('patient'), atLeast(1), 90_000);
    expect(await countLogins('patient')).toBe(1);
  });

  test('reveals through sls invoke, and leaves an audit row', async () => {
    await stack.send(loginMessage({ user_id: 'asked', ip: '198.51.100.77' }));
    await eventually(() => countLogins('asked'), atLeast(1));
    const token = await askedToken();

    const answer = await stack.invoke('reveal', { tokens: [token], ...request });
    expect(answer).toMatchObject({
      principal: { id: 'vitest', source: 'claimed' },
      revealed: [{ token, kind: 'ip', value: '198.51.100.77' }],
      missing: [],
    });
    const rows = await stack.query('select * from vault.reveal_audit where token = $1', [token]);
    expect(await stack.log()).not.toContain('198.51.100.77');
    expect(rows).toMatchObject([
      { principal: 'vitest', outcome: 'revealed', reason: request.reason },
    ]);
  });

  test('refuses a reveal without tokens as InvalidRequest', async () => {
    await expect(stack.invoke('reveal', { tokens: [], ...request })).rejects.toMatchObject({
      errorType: 'InvalidRequest',
      message: expect.stringContaining('tokens'),
    });
  });

  const reason = 'the end-to-end test asks';
  const everyFunction = [
    'ingest',
    'reveal',
    'reveal-url',
    'tokenize',
    'erase',
    'maintain',
    'migrate',
  ];

  /** Each function refuses a direct call of this caller, one that imitates a signed request too. */
  async function expectNoDirectCall(caller: Caller, functions: readonly string[]) {
    const tokens = [await askedToken()];
    const forged = functionUrlEvent({ tokens, reason }, 'arn:aws:iam::000000000000:user/mallory');
    for (const name of functions) {
      for (const event of [{ tokens, ...request }, forged]) {
        expect(await caller.invoke(name, event), name).toMatchObject({ status: 403 });
      }
    }
  }

  test('reveals to a revealer by the signed URL of reveal-url only, under the verified ARN', async () => {
    const { arn, vault, ...caller } = await createCaller(stack, 'revealer', 'RevealerPolicyArn');
    const token = await askedToken();

    expect(await vault.reveal([token], reason)).toMatchObject({
      principal: { id: arn, source: 'iam' },
      revealed: [{ token, value: '198.51.100.77' }],
    });
    await expect(vault.tokenize('ip', ['198.51.100.77'], reason)).rejects.toThrow(AccessDenied);
    await expect(vault.erase([token], reason)).rejects.toThrow(AccessDenied);
    await expectNoDirectCall({ arn, vault, ...caller }, everyFunction);
  });

  test('finds tokens for a finder by the signed URL of tokenize only', async () => {
    const { arn, vault, ...caller } = await createCaller(stack, 'finder', 'FinderPolicyArn');
    const token = await askedToken();

    expect(await vault.tokenize('ip', ['198.51.100.77', '192.0.2.99'], reason)).toMatchObject({
      principal: { id: arn, source: 'iam' },
      tokens: [{ token, held: true }, { held: false }],
    });
    await expect(vault.reveal([token], reason)).rejects.toThrow(AccessDenied);
    await expect(vault.erase([token], reason)).rejects.toThrow(AccessDenied);
    await expectNoDirectCall({ arn, vault, ...caller }, everyFunction);
  });

  test('erases for an eraser by the signed URL of erase only, and gives a certificate', async () => {
    const { arn, vault, ...caller } = await createCaller(stack, 'eraser', 'EraserPolicyArn');
    await stack.send(loginMessage({ user_id: 'forgotten', ip: '198.51.100.78' }));
    await eventually(() => countLogins('forgotten'), atLeast(1));
    const [login] = await storedLogins('forgotten');
    const token = String(login?.['masked_ip']);

    const certificate = await vault.erase([token], reason);
    expect(certificate).toMatchObject({
      principal: { id: arn, source: 'iam' },
      erased: [token],
      missing: [],
    });
    const rows = await stack.query(
      'select token, principal from vault.reveal_audit where id = $1',
      [certificate.audit.id],
    );
    expect(rows).toEqual([{ token, principal: arn }]);
    expect(await vault.erase([token], reason)).toMatchObject({ erased: [], missing: [{ token }] });
    await expect(vault.reveal([token], reason)).rejects.toThrow(AccessDenied);
    await expect(vault.tokenize('ip', ['198.51.100.77'], reason)).rejects.toThrow(AccessDenied);
    await expectNoDirectCall({ arn, vault, ...caller }, everyFunction);
  });

  test('reveals to an operator by direct invocation of reveal only', async () => {
    const operator = await createCaller(stack, 'operator', 'OperatorPolicyArn');
    const token = await askedToken();

    const { status, text } = await operator.invoke('reveal', { tokens: [token], ...request });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      principal: { id: 'vitest', source: 'claimed' },
      revealed: [{ token }],
    });
    await expectNoDirectCall(
      operator,
      everyFunction.filter((name) => name !== 'reveal'),
    );
    const { vault } = operator;
    await expect(vault.reveal([token], reason)).rejects.toThrow(AccessDenied);
    await expect(vault.tokenize('ip', ['198.51.100.77'], reason)).rejects.toThrow(AccessDenied);
    await expect(vault.erase([token], reason)).rejects.toThrow(AccessDenied);
  });

  test('takes nobody at their word in tokenize and erase, not even who may invoke them', async () => {
    const token = await askedToken();
    const values = ['198.51.100.77'];
    for (const [name, event] of [
      ['tokenize', { kind: 'ip', values, ...request }],
      ['erase', { tokens: [token], ...request }],
    ] as const) {
      expect(await stack.invoke(name, event)).toMatchObject({
        statusCode: 403,
        body: expect.stringContaining('CallerUnverified'),
      });
    }
  });

  test('lets KMS refuse functions that run in the role of another', async () => {
    const reveal = async () => stack.invoke('reveal', { tokens: [await askedToken()], ...request });
    const vault = await localClient(settings, localAws.credentials);
    const tokenize = () => vault.tokenize('ip', ['192.0.2.1'], reason);
    const lambda = new LambdaClient({ endpoint: stack.endpoint.origin, ...localAws });
    const roleOf = async (name: string) =>
      (await lambda.send(new GetFunctionConfigurationCommand(named(name)))).Role;
    // with a timeout, even the same, the emulator starts the function anew, as AWS does
    const giveRole = (name: string, Role?: string) =>
      lambda.send(new UpdateFunctionConfigurationCommand({ ...named(name), Role, Timeout: 15 }));

    const [ingestRole, revealRole, tokenizeRole] = await Promise.all(
      ['ingest', 'reveal', 'tokenize'].map((name) => roleOf(name)),
    );
    await Promise.all([giveRole('reveal', ingestRole), giveRole('tokenize', revealRole)]);
    await expect(reveal()).rejects.toMatchObject({ errorType: 'VaultUnavailable' });
    await expect(tokenize()).rejects.toThrow(VaultUnavailable);

    await Promise.all([giveRole('reveal', revealRole), giveRole('tokenize', tokenizeRole)]);
    await expect(reveal()).resolves.toMatchObject({ revealed: [{ kind: 'ip' }] });
    await expect(tokenize()).resolves.toBeTruthy();
  });

  test('is removed with sls remove', async () => {
    expect(await stack.sls('remove')).toMatchObject({ code: 0 });
  });
});
