import { describe, expect, it } from 'vitest';

import {
  approvalRule,
  approvalTopic,
  databaseConfig,
  deadLetterQueueUrl,
  firstGeneration,
  isRotating,
  keyScopeConfig,
  limitsConfig,
  retentionDays,
  sealingKeyConfig,
  tokenKeyArns,
  writesNetworks,
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
    TOKEN_KEY_ARNS: '1=arn:aws:kms:eu-central-1:000000000000:key/token',
    DATA_KEY_ARN: 'arn:aws:kms:eu-central-1:000000000000:key/data',
    DEAD_LETTER_QUEUE_URL: 'https://sqs.example/dead-letters',
    TOKEN_ROTATION: 'off',
    NETWORK_TOKENS: 'off',
    DIRECT_REVEAL: 'on',
    REVEAL_QUOTA_PER_HOUR: '1000',
    REVEAL_CAP_PER_HOUR: '5000',
    TOKENIZE_QUOTA_PER_HOUR: '10',
    TOKENIZE_CAP_PER_HOUR: '50',
    ERASE_QUOTA_PER_HOUR: '1',
    ERASE_CAP_PER_HOUR: '1',
    BREAK_GLASS_CAP_PER_HOUR: '7',
    REVEAL_APPROVAL_ABOVE: '0',
    APPROVAL_EXPIRY_IN_HOURS: '24',
    APPROVAL_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:approvals',
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
      tokenKeyArns: new Map([[1, 'arn:aws:kms:eu-central-1:000000000000:key/token']]),
      dataKeyArn: 'arn:aws:kms:eu-central-1:000000000000:key/data',
    });
    expect(deadLetterQueueUrl(environment())).toBe('https://sqs.example/dead-letters');
  });

  it('has the token keys by generation, the lowest first', () => {
    const arns = tokenKeyArns(environment({ TOKEN_KEY_ARNS: '12=arn:b,2=arn:a' }));
    expect([...arns]).toEqual([
      [2, 'arn:a'],
      [12, 'arn:b'],
    ]);
    expect(firstGeneration(arns)).toBe(2);
  });

  it.each(['arn:a', '0=arn:a', '1=', '1=arn:a,', '1 =arn:a'])(
    'refuses %j as token keys',
    (given) => {
      expect(() => tokenKeyArns(environment({ TOKEN_KEY_ARNS: given }))).toThrow(
        'TOKEN_KEY_ARNS is not a list of GENERATION=ARN',
      );
    },
  );

  it('has no password where the database authenticates by IAM', () => {
    const iam = environment({ DATABASE_AUTH: 'iam', DATABASE_PASSWORD: undefined });
    expect(databaseConfig(iam).password).toBeNull();
    expect(databaseConfig(environment({ DATABASE_AUTH: 'iam' })).password).toBeNull();
  });

  it('turns TLS off only when told so', () => {
    expect(databaseConfig(environment({ DATABASE_TLS: 'off' })).tls).toBe(false);
  });

  it('has the limits of each role that people call', () => {
    const others = [
      { role: 'vault_reveal_url', perCaller: 1000, overall: 5000 },
      { role: 'vault_break_glass', perCaller: 7, overall: 7 },
      { role: 'vault_tokenize', perCaller: 10, overall: 50 },
      { role: 'vault_erase', perCaller: 1, overall: 1 },
    ];
    expect(limitsConfig(environment())).toEqual([
      { role: 'vault_reveal', perCaller: 1000, overall: 5000 },
      ...others,
    ]);
    expect(limitsConfig(environment({ DIRECT_REVEAL: 'off' }))).toEqual([
      { role: 'vault_reveal', perCaller: 0, overall: 0 },
      ...others,
    ]);
  });

  it('has no approvals and no break-glass where nothing needs an approval', () => {
    expect(approvalRule(environment())).toEqual({ stage: 'test', above: 0, hours: 24 });
    expect(approvalTopic(environment())?.topicArn).toMatch(/:approvals$/);
    const off = environment({ REVEAL_APPROVAL_ABOVE: '', APPROVAL_TOPIC_ARN: undefined });
    expect(approvalRule(off).above).toBeNull();
    expect(approvalTopic(off)).toBeNull();
    expect(limitsConfig(off)).toContainEqual({
      role: 'vault_break_glass',
      perCaller: 0,
      overall: 0,
    });
  });

  it('writes the tokens of networks only when told so', () => {
    expect(writesNetworks(environment())).toBe(false);
    expect(writesNetworks(environment({ NETWORK_TOKENS: 'on' }))).toBe(true);
  });

  it('keeps sealed values without end unless it has a number of days', () => {
    expect(retentionDays(environment())).toBeNull();
    expect(retentionDays(environment({ SEALED_RETENTION_IN_DAYS: '' }))).toBeNull();
    expect(retentionDays(environment({ SEALED_RETENTION_IN_DAYS: '400' }))).toBe(400);
  });

  it('is frozen', () => {
    expect(Object.isFrozen(limitsConfig(environment()))).toBe(true);
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
    ['TOKEN_KEY_ARNS', sealingKeyConfig],
    ['DATA_KEY_ARN', sealingKeyConfig],
    ['DEAD_LETTER_QUEUE_URL', deadLetterQueueUrl],
    ['TOKEN_ROTATION', isRotating],
    ['NETWORK_TOKENS', writesNetworks],
    ['DIRECT_REVEAL', limitsConfig],
    ['REVEAL_QUOTA_PER_HOUR', limitsConfig],
    ['REVEAL_CAP_PER_HOUR', limitsConfig],
    ['TOKENIZE_QUOTA_PER_HOUR', limitsConfig],
    ['TOKENIZE_CAP_PER_HOUR', limitsConfig],
    ['ERASE_QUOTA_PER_HOUR', limitsConfig],
    ['ERASE_CAP_PER_HOUR', limitsConfig],
    ['BREAK_GLASS_CAP_PER_HOUR', limitsConfig],
    ['APPROVAL_EXPIRY_IN_HOURS', approvalRule],
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
    ['REVEAL_QUOTA_PER_HOUR', limitsConfig, '0'],
    ['REVEAL_QUOTA_PER_HOUR', limitsConfig, 'Infinity'],
    ['REVEAL_QUOTA_PER_HOUR', limitsConfig, '9007199254740992'],
    ['TOKENIZE_CAP_PER_HOUR', limitsConfig, '1e9canary'],
    ['ERASE_QUOTA_PER_HOUR', limitsConfig, '-1'],
    ['DIRECT_REVEAL', limitsConfig, 'canary'],
    ['SEALED_RETENTION_IN_DAYS', retentionDays, '0'],
    ['SEALED_RETENTION_IN_DAYS', retentionDays, '90 canary'],
    ['NETWORK_TOKENS', writesNetworks, 'canary'],
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
