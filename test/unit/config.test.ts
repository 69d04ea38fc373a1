import { describe, expect, it } from 'vitest';

import {
  databaseConfig,
  deadLetterQueueUrl,
  keyScopeConfig,
  revealQuota,
  sealingKeyConfig,
} from '../../lib/config.ts';
import { InvalidConfig } from '../../lib/errors.ts';

type Environment = Record<string, string | undefined>;

function environment(changes: Environment = {}): Environment {
  return {
    DATABASE_HOST: 'db.example',
    DATABASE_PORT: '5432',
    DATABASE_NAME: 'vault',
    DATABASE_USER: 'vault_ingest',
    DATABASE_AUTH: 'password',
    DATABASE_PASSWORD: 'secret-canary',
    DATABASE_TLS: 'verify',
    VAULT_SERVICE: 'pii-vault',
    VAULT_STAGE: 'test',
    TOKEN_KEY_ARN: 'arn:aws:kms:eu-central-1:000000000000:key/token',
    DATA_KEY_ARN: 'arn:aws:kms:eu-central-1:000000000000:key/data',
    DEAD_LETTER_QUEUE_URL: 'https://sqs.example/dead-letters',
    REVEAL_QUOTA_PER_HOUR: '1000',
    ...changes,
  };
}

describe('the configuration', () => {
  it('is read from the environment', () => {
    expect(databaseConfig(environment())).toEqual({
      host: 'db.example',
      port: 5432,
      database: 'vault',
      user: 'vault_ingest',
      password: 'secret-canary',
      tls: true,
    });
    expect(keyScopeConfig(environment())).toEqual({ service: 'pii-vault', stage: 'test' });
    expect(sealingKeyConfig(environment())).toEqual({
      tokenKeyArn: 'arn:aws:kms:eu-central-1:000000000000:key/token',
      dataKeyArn: 'arn:aws:kms:eu-central-1:000000000000:key/data',
    });
    expect(deadLetterQueueUrl(environment())).toBe('https://sqs.example/dead-letters');
    expect(revealQuota(environment())).toBe(1000);
  });

  it('has no password where the database authenticates by IAM', () => {
    const iam = environment({ DATABASE_AUTH: 'iam', DATABASE_PASSWORD: undefined });
    expect(databaseConfig(iam).password).toBeNull();
    expect(databaseConfig(environment({ DATABASE_AUTH: 'iam' })).password).toBeNull();
  });

  it('turns TLS off only when told so', () => {
    expect(databaseConfig(environment({ DATABASE_TLS: 'off' })).tls).toBe(false);
  });

  it('is frozen', () => {
    expect(Object.isFrozen(databaseConfig(environment()))).toBe(true);
    expect(Object.isFrozen(keyScopeConfig(environment()))).toBe(true);
    expect(Object.isFrozen(sealingKeyConfig(environment()))).toBe(true);
  });

  const readers: [string, (environment: Environment) => unknown][] = [
    ['DATABASE_HOST', databaseConfig],
    ['DATABASE_PORT', databaseConfig],
    ['DATABASE_NAME', databaseConfig],
    ['DATABASE_USER', databaseConfig],
    ['DATABASE_AUTH', databaseConfig],
    ['DATABASE_PASSWORD', databaseConfig],
    ['DATABASE_TLS', databaseConfig],
    ['VAULT_SERVICE', keyScopeConfig],
    ['VAULT_STAGE', keyScopeConfig],
    ['TOKEN_KEY_ARN', sealingKeyConfig],
    ['DATA_KEY_ARN', sealingKeyConfig],
    ['DEAD_LETTER_QUEUE_URL', deadLetterQueueUrl],
    ['REVEAL_QUOTA_PER_HOUR', revealQuota],
  ];

  it.each(readers)('names %s when it is missing or empty', (variable, read) => {
    for (const value of [undefined, '']) {
      expect(() => read(environment({ [variable]: value }))).toThrow(
        new InvalidConfig(variable, 'is not set'),
      );
    }
  });

  it.each<[string, (environment: Environment) => unknown, string]>([
    ['DATABASE_PORT', databaseConfig, '0'],
    ['DATABASE_PORT', databaseConfig, '-1'],
    ['DATABASE_PORT', databaseConfig, '1.5'],
    ['DATABASE_PORT', databaseConfig, 'canary'],
    ['REVEAL_QUOTA_PER_HOUR', revealQuota, '0'],
    ['REVEAL_QUOTA_PER_HOUR', revealQuota, 'Infinity'],
    ['REVEAL_QUOTA_PER_HOUR', revealQuota, '9007199254740992'],
    ['DATABASE_TLS', databaseConfig, 'on'],
    ['DATABASE_TLS', databaseConfig, 'OFF'],
    ['DATABASE_AUTH', databaseConfig, 'canary'],
  ])('names %s when it cannot be read, and does not show it', (variable, read, value) => {
    const attempt = () => read(environment({ [variable]: value }));
    expect(attempt).toThrow(InvalidConfig);
    expect(attempt).toThrow(variable);
    expect(attempt).not.toThrow(/canary/);
  });
});
