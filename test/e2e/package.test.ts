import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { exampleParameters, packageStage } from '../../scripts/local/package.ts';
import { readSettings } from '../../scripts/local/settings.ts';

const settings = readSettings({});

describe('a stage on AWS', () => {
  let output: string;

  beforeAll(async () => {
    output = await mkdtemp(join(tmpdir(), 'pii-vault-packaged-'));
  });

  afterAll(async () => {
    await rm(output, { recursive: true, force: true });
  });

  test('is packaged with the parameters of the example, offline', async () => {
    const parameters = await exampleParameters(settings);
    const template = await packageStage(settings, 'prod', parameters, output);
    expect(JSON.parse(await readFile(template, 'utf8'))).toMatchObject({
      Resources: {
        IngestLambdaFunction: {
          Properties: {
            Runtime: 'nodejs24.x',
            Architectures: ['arm64'],
            Environment: { Variables: { DATABASE_AUTH: 'iam', DATABASE_TLS: 'verify' } },
          },
        },
        DataKey: { DeletionPolicy: 'Retain', Properties: { EnableKeyRotation: true } },
      },
    });
    expect(await readFile(template, 'utf8')).not.toContain('DATABASE_PASSWORD');
  });

  test('is refused without a database and subnets, naming what is missing', async () => {
    await expect(packageStage(settings, 'prod', {}, output)).rejects.toThrow(
      'stage prod: databaseHost is not set; databaseResourceId is not set; ' +
        'subnetIds is not set; securityGroupIds is not set.',
    );
  });

  test('is refused when SQS would deliver a batch again while it still runs', async () => {
    const parameters = { ...(await exampleParameters(settings)), ingestTimeout: '90' };
    await expect(packageStage(settings, 'prod', parameters, output)).rejects.toThrow(
      'visibilityTimeout is less than six times ingestTimeout',
    );
  });
});
