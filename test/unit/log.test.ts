import { DrizzleQueryError } from 'drizzle-orm/errors';
import { DatabaseError as PgError } from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { DatabaseError, KeyServiceError, SealBroken, VaultUnavailable } from '../../lib/errors.ts';
import { createLog, type LogField } from '../../lib/log.ts';
import { type CapturedOutput, captureOutput } from '../helpers/output.ts';

const canary = '198.51.100.77';
const fieldNames = (
  'received stored duplicates rejected sealed failed tokens revealed missing erased held pruned ' +
  'verified applied reason outcome requestId messageId auditId auditHash error cause'
).split(' ') as LogField[];

let output: CapturedOutput;
beforeEach(() => {
  vi.stubEnv('LOG_LEVEL', 'TRACE');
  vi.stubEnv('VAULT_SERVICE', 'pii-vault');
  output = captureOutput();
});
afterEach(() => {
  output.restore();
  vi.unstubAllEnvs();
});

const inEveryField = (value: unknown) =>
  Object.fromEntries(fieldNames.map((name) => [name, value])) as Record<LogField, unknown>;

const databaseError = () =>
  Object.assign(new PgError(`value ${canary}`, 10, 'error'), {
    code: '22001',
    detail: `Key (ip)=(${canary}) already exists.`,
    where: `unnamed portal parameter $1 = '${canary}'`,
  });

/** Errors as the libraries make them, each with the canary wherever they may carry a value. */
const foreignErrors: [string, () => unknown][] = [
  ['message', () => new Error(canary)],
  ['name', () => Object.assign(new Error('x'), { name: canary })],
  ['code', () => Object.assign(new Error('x'), { code: canary })],
  ['stack', () => Object.assign(new Error('x'), { stack: canary })],
  ['cause', () => new Error('x', { cause: new Error('y', { cause: new Error(canary) }) })],
  ['errors', () => new AggregateError([new Error(canary)], canary)],
  ['detail, as from pg', databaseError],
  [
    'params, as from Drizzle',
    () => new DrizzleQueryError(`select ${canary}`, [canary], databaseError()),
  ],
  [
    'response, as from KMS',
    () =>
      Object.assign(new Error(canary), {
        name: 'InvalidCiphertextException',
        $fault: 'client',
        $response: { body: canary },
        $metadata: { requestId: canary },
      }),
  ],
  ['text instead of an error', () => canary],
  ['an object instead of an error', () => ({ message: canary, toString: () => canary })],
  [
    'cause of an own error',
    () => Object.assign(new SealBroken(), { cause: databaseError(), detail: canary }),
  ],
  [
    'cause of an own cause',
    () =>
      new VaultUnavailable('KMS', Object.assign(new SealBroken(), { cause: new Error(canary) })),
  ],
  [
    'own error whose message was changed',
    () => Object.assign(new SealBroken(), { message: canary }),
  ],
  ['own error whose name was changed', () => Object.assign(new SealBroken(), { name: canary })],
  ['SQLSTATE that is none', () => new DatabaseError(canary)],
  ['exception that is none', () => new KeyServiceError(canary)],
];

describe('a log line', () => {
  it('holds the event and the fields allowed', () => {
    const fields = {
      received: 10,
      stored: 7,
      reason: 'invalid_field:ip',
      requestId: '11111111-1111-4111-8111-111111111111',
      auditHash: 'ab'.repeat(32),
      outcome: 'answered',
    };
    createLog().info('batch processed', fields);
    expect(output.lines()).toEqual([
      expect.objectContaining({
        level: 'INFO',
        message: 'batch processed',
        service: 'pii-vault',
        ...fields,
      }),
    ]);
  });

  it('names the trace of the request, where requests are traced', () => {
    vi.stubEnv('_X_AMZN_TRACE_ID', 'Root=1-5759e988-bd862e3f;Parent=557abcec;Sampled=1');
    createLog().info('batch processed');
    vi.stubEnv('_X_AMZN_TRACE_ID', undefined);
    createLog().info('batch processed');
    const [traced, untraced] = output.lines();
    expect(traced).toMatchObject({ xray_trace_id: '1-5759e988-bd862e3f' });
    expect(untraced).not.toHaveProperty('xray_trace_id');
  });

  it.each([
    ['INFO', 2],
    ['WARN', 1],
    ['CRITICAL', 0],
    ['SILENT', 0],
  ])('is left out below the level %s', (level, lines) => {
    vi.stubEnv('LOG_LEVEL', level);
    const log = createLog();
    log.info('batch processed');
    log.error('reveal failed', new SealBroken());
    expect(output.lines()).toHaveLength(lines);
  });

  it.each([
    [new VaultUnavailable('the audit', new DatabaseError('57P01')), 'sqlstate_57P01'],
    [new VaultUnavailable('the audit', new DatabaseError(null)), 'DatabaseError'],
    [
      new VaultUnavailable('KMS', new KeyServiceError('ThrottlingException')),
      'ThrottlingException',
    ],
    [new VaultUnavailable('KMS', new SealBroken()), 'SealBroken'],
    [new VaultUnavailable('KMS'), undefined],
  ])('of an error holds its name and what caused it: %s', (error, cause) => {
    createLog().error('reveal failed', error);
    const [line] = output.lines();
    expect(line).toMatchObject({ level: 'ERROR', error: 'VaultUnavailable' });
    expect(line?.cause).toBe(cause);
  });

  it.each<[string, unknown]>([
    ['text', canary],
    ['a Buffer', Buffer.from(canary)],
    ['bytes', new TextEncoder().encode(canary)],
    ['an array', [canary]],
    ['an object', { value: canary }],
    ['a nested object', { a: { b: { c: canary } } }],
    ['a String object', Object(canary)],
    ['an object that prints itself', { toString: () => canary, toJSON: () => canary }],
    ['a Map', new Map([[canary, canary]])],
    ['a function', () => canary],
    ['a symbol', Symbol(canary)],
    ['an error', new Error(canary)],
    ['a code with a value behind it', `invalid_field:ip ${canary}`],
    ['a code with a value on the next line', `invalid_json\n${canary}`],
    ['an id with a value behind it', `11111111-1111-4111-8111-111111111111 ${canary}`],
  ])('holds no %s, in any field', (_what, value) => {
    const log = createLog();
    log.info('event', inEveryField(value));
    log.error('event', new SealBroken(), inEveryField(value));
    expect(output.lines()).toHaveLength(2);
    expectNoCanary();
  });

  it('holds no digits of a value, in the fields of codes and ids', () => {
    createLog().info('event', {
      ...inEveryField('1985110077'),
      reason: 1985110077,
      outcome: 1985110077,
      error: 1985110077,
      requestId: 1985110077n,
    });
    expect(output.lines()).toHaveLength(1);
    expect(output.text()).not.toContain('1985110077');
  });

  it('holds no field that is not on the list', () => {
    const unlisted = {
      ip: canary,
      device_id: canary,
      message: canary,
      level: canary,
      ['__proto__']: { stored: canary },
      constructor: canary,
    };
    createLog().info('event', unlisted as Partial<Record<LogField, unknown>>);
    expect(output.lines()).toEqual([expect.objectContaining({ message: 'event', level: 'INFO' })]);
    expectNoCanary();
  });

  it.each(foreignErrors)(
    'holds nothing of an error that carries a value in its %s',
    (_where, error) => {
      const log = createLog();
      log.error('event', error());
      log.info('event', { error: error(), cause: error(), reason: error() });
      expect(output.lines()).toHaveLength(2);
      expectNoCanary();
    },
  );

  it('holds nothing of a foreign error, even what looks like a code', () => {
    const device = 'DeviceCanary4711';
    const log = createLog();
    for (const key of ['message', 'name', 'code', 'cause', 'stack', 'error', 'exception']) {
      log.error('event', Object.assign(new Error('x'), { [key]: device }));
      log.error('event', Object.assign(new Error('x', { cause: { [key]: device } })));
    }
    log.error('event', device);
    expect(output.lines()).toHaveLength(15);
    expect(output.text()).not.toContain(device);
  });

  it.each(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL', 'SILENT'])(
    'holds no value at level %s',
    (level) => {
      vi.stubEnv('LOG_LEVEL', level);
      const log = createLog();
      for (const [, error] of foreignErrors) log.error('event', error(), inEveryField(canary));
      log.info('event', inEveryField(canary));
      expectNoCanary();
    },
  );

  function expectNoCanary(): void {
    const text = output.text();
    for (const form of [
      canary,
      Buffer.from(canary).toString('hex'),
      Buffer.from(canary).toString('base64'),
      Buffer.from(canary).toJSON().data.join(','),
      '198.51',
    ]) {
      expect(text).not.toContain(form);
    }
  }
});
