import { describe, expect, it } from 'vitest';

import {
  asVaultError,
  AuditBroken,
  AuditBucketError,
  CallerUnverified,
  DatabaseError,
  DatabaseUnfit,
  InvalidConfig,
  InvalidRequest,
  KeyServiceError,
  QuotaExceeded,
  RoleSettingsChanged,
  SealBroken,
  VaultError,
  VaultUnavailable,
} from '../../lib/errors.ts';
import { readable } from '../helpers/readable.ts';

const tooMany = { limit: 'quota', allowed: 20, remaining: 20, retryAt: null } as const;

const all: [string, string, VaultError][] = [
  ['InvalidRequest', 'ERR_INVALID_REQUEST', new InvalidRequest('tokens', 'must be tokens')],
  ['CallerUnverified', 'ERR_CALLER_UNVERIFIED', new CallerUnverified()],
  ['QuotaExceeded', 'ERR_QUOTA_EXCEEDED', new QuotaExceeded(tooMany)],
  ['SealBroken', 'ERR_SEAL_BROKEN', new SealBroken()],
  ['VaultUnavailable', 'ERR_VAULT_UNAVAILABLE', new VaultUnavailable('KMS')],
  ['AuditBroken', 'ERR_AUDIT_BROKEN', new AuditBroken([{ id: 7, problem: 'was changed' }])],
  [
    'RoleSettingsChanged',
    'ERR_ROLE_SETTINGS_CHANGED',
    new RoleSettingsChanged(['settings of vault_reveal: work_mem']),
  ],
  ['AuditBucketError', 'ERR_AUDIT_BUCKET', new AuditBucketError('AccessDenied')],
  ['DatabaseUnfit', 'ERR_DATABASE_UNFIT', new DatabaseUnfit(['user_logins is a view'])],
  ['DatabaseError', 'ERR_DATABASE', new DatabaseError('23505')],
  ['KeyServiceError', 'ERR_KEY_SERVICE', new KeyServiceError('ThrottlingException')],
  ['InvalidConfig', 'ERR_INVALID_CONFIG', new InvalidConfig('DATABASE_HOST', 'is not set')],
];

describe('VaultUnavailable', () => {
  it.each([
    ['ThrottlingException', 'KMS is unavailable: try again'],
    [null, 'KMS is unavailable: try again'],
    ['AccessDeniedException', 'KMS denies the vault access to a key'],
    ['DisabledException', 'KMS denies the vault access to a key'],
  ])('says whether trying again helps when KMS answers %s', (exception, message) => {
    const error = new VaultUnavailable('KMS', new KeyServiceError(exception));
    expect(error.message).toContain(message);
  });
});

describe('an error', () => {
  it.each(all)('%s has a stable name and code', (name, code, error) => {
    expect(error).toBeInstanceOf(VaultError);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(name);
    expect(error.code).toBe(code);
    expect(String(error)).toBe(`${name}: ${error.message}`);
    expect(error.stack).toContain(name);
  });

  it('tells how many are left, and when to try again', () => {
    const retryAt = new Date(Date.UTC(2026, 0, 31, 12));
    const error = new QuotaExceeded({ ...tooMany, remaining: 3, retryAt });
    expect(error.retryAt).toBe('2026-01-31T12:00:00.000Z');
    expect(error.remaining).toBe(3);
    expect(error.message).toBe(
      '3 of your 20 tokens an hour are left: ask for fewer, or try again at 2026-01-31T12:00:00.000Z',
    );
  });

  it('tells to ask for fewer when the request alone is over the quota', () => {
    const error = new QuotaExceeded(tooMany);
    expect(error.retryAt).toBeNull();
    expect(error.message).toContain('ask for fewer');
  });

  it('tells of the cap of all callers, and not how many of it are left', () => {
    const retryAt = new Date(Date.UTC(2026, 0, 31, 12));
    const error = new QuotaExceeded({ limit: 'cap', allowed: 20, remaining: 3, retryAt });
    expect(error.remaining).toBeNull();
    expect(error.message).toBe(
      'all callers together have used the cap of 20 tokens an hour: ask for fewer, or try again at 2026-01-31T12:00:00.000Z',
    );
  });

  it('of a passing fault keeps what caused it, for the log', () => {
    const cause = new DatabaseError('57P01');
    expect(new VaultUnavailable('the audit', cause).cause).toBe(cause);
    expect(new VaultUnavailable('the audit')).not.toHaveProperty('cause');
  });

  it('of the vault stays itself, and a foreign one is told as nothing', () => {
    const own = new SealBroken();
    expect(asVaultError(own)).toBe(own);
    const foreign = Object.assign(new Error('canary', { cause: new Error('canary') }), {
      code: 'canary',
      params: ['canary'],
    });
    for (const thrown of [foreign, 'canary', { message: 'canary' }, null, undefined]) {
      const error = asVaultError(thrown);
      expect(error).toMatchObject({ name: 'VaultUnavailable', code: 'ERR_VAULT_UNAVAILABLE' });
      expect(readable(error).replaceAll(/^.*errors\.test\.ts.*$/gm, '')).not.toContain('canary');
    }
  });
});

describe('a database error', () => {
  it.each(['22001', '22003', '22P02', '22021', '23502', '23505', '23514'])(
    'with SQLSTATE %s refuses the data',
    (state) => {
      expect(new DatabaseError(state).refusesData).toBe(true);
      expect(new DatabaseError(state).lostConnection).toBe(false);
    },
  );

  it.each([
    null,
    'ETIMEDOUT',
    'ECONNREFUSED',
    '40P01',
    '40001',
    '42501',
    '42P01',
    '53300',
    '55P03',
    '57014',
    'P0001',
    'XX000',
  ])('with %s neither refuses the data nor lost its connection', (state) => {
    expect(new DatabaseError(state).refusesData).toBe(false);
    expect(new DatabaseError(state).lostConnection).toBe(false);
  });

  it.each(['08000', '08006', '57P01', '57P02', '57P03', 'ECONNRESET', 'ECONNABORTED', 'EPIPE'])(
    'with %s lost its connection',
    (state) => {
      expect(new DatabaseError(state).lostConnection).toBe(true);
      expect(new DatabaseError(state).refusesData).toBe(false);
    },
  );
});
