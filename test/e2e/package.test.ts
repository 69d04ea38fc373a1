import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { KeyServiceError, VaultUnavailable } from '../../lib/errors.ts';
import { createLog } from '../../lib/log.ts';
import { createMetrics, type MetricName } from '../../lib/metrics.ts';
import {
  databaseTemplate,
  everyOption,
  exampleParameters,
  packageStage,
} from '../../scripts/local/package.ts';
import { readSettings } from '../../scripts/local/settings.ts';
import { captureOutput } from '../helpers/output.ts';

interface Resource {
  Type: string;
  DeletionPolicy?: string;
  Properties: Record<string, unknown>;
}

interface Alarm {
  AlarmName: string;
  AlarmDescription: string;
  Namespace: string;
  MetricName: string;
  Dimensions?: { Name: string; Value: unknown }[];
  AlarmActions: unknown[];
}

const settings = readSettings({});

/** Every name that lib/metrics.ts knows; the compiler sees to it that none is left out. */
const counts: Record<MetricName, number> = {
  received: 1,
  stored: 1,
  duplicates: 1,
  rejected: 1,
  sealed: 1,
  failed: 1,
  revealed: 1,
  denied: 1,
  lookedUp: 1,
  erased: 1,
  pruned: 1,
  verified: 1,
};

describe('a stage on AWS', () => {
  let output: string;
  let resources: Record<string, Resource>;

  const packaged = async (parameters: Readonly<Record<string, string>>) => {
    const all = { ...(await exampleParameters(settings)), ...parameters };
    return readFile(await packageStage(settings, 'prod', all, output), 'utf8');
  };
  const ofType = (type: string) =>
    Object.values(resources).filter((resource) => resource.Type === type);
  const alarms = () =>
    ofType('AWS::CloudWatch::Alarm').map(({ Properties }) => Properties as unknown as Alarm);

  const reserved = (name: string) =>
    resources[`${name}LambdaFunction`]!.Properties['ReservedConcurrentExecutions'];

  beforeAll(async () => {
    output = await mkdtemp(join(tmpdir(), 'pii-vault-packaged-'));
    const template = JSON.parse(await packaged(everyOption)) as {
      Resources: Record<string, Resource>;
    };
    resources = template.Resources;
  });

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  afterAll(async () => {
    await rm(output, { recursive: true, force: true });
  });

  test('is packaged with the parameters of the example, offline', async () => {
    const template = await packaged({});
    expect(JSON.parse(template)).toMatchObject({
      Resources: {
        IngestLambdaFunction: {
          Properties: {
            Runtime: 'nodejs24.x',
            Architectures: ['arm64'],
            TracingConfig: { Mode: 'Active' },
            Environment: { Variables: { DATABASE_AUTH: 'iam', DATABASE_TLS: 'verify' } },
          },
        },
        DataKey: { DeletionPolicy: 'Retain', Properties: { EnableKeyRotation: true } },
      },
    });
    expect(template).not.toContain('DATABASE_PASSWORD');
    expect(template).not.toContain('AWS::CloudTrail::Trail');
    expect(template).not.toContain('ReservedConcurrentExecutions');
  });

  test('keeps keys, queues and trails when the stack goes', () => {
    for (const type of ['AWS::KMS::Key', 'AWS::SQS::Queue', 'AWS::CloudTrail::Trail']) {
      expect(ofType(type).length, type).toBeGreaterThan(0);
    }
    for (const { DeletionPolicy } of [...ofType('AWS::KMS::Key'), ...ofType('AWS::SQS::Queue')]) {
      expect(DeletionPolicy).toBe('Retain');
    }
    expect(resources['TrailBucket']).toMatchObject({ DeletionPolicy: 'Retain' });
  });

  test('lets no deployment take a key or a queue away, or put another in its place', async () => {
    const state = JSON.parse(await readFile(join(output, 'serverless-state.json'), 'utf8')) as {
      service: { provider: { stackPolicy: unknown } };
    };
    expect(state.service.provider.stackPolicy).toContainEqual({
      Effect: 'Deny',
      Principal: '*',
      Action: ['Update:Delete', 'Update:Replace'],
      Resource: ['DataKey', 'TokenKey', 'LoginQueue', 'LoginDeadLetterQueue'].map((name) => {
        expect(resources).toHaveProperty(name);
        return `LogicalResourceId/${name}`;
      }),
    });
  });

  test('encrypts every log group and the alarms, and keeps no log for ever', () => {
    const key = expect.objectContaining({ 'Fn::GetAtt': ['OperationsKey', 'Arn'] });
    expect(ofType('AWS::Logs::LogGroup')).toHaveLength(ofType('AWS::Lambda::Function').length);
    for (const { Properties } of ofType('AWS::Logs::LogGroup')) {
      expect(Properties).toMatchObject({ RetentionInDays: 90, KmsKeyId: key });
    }
    expect(resources['AlarmTopic']).toMatchObject({
      Properties: { KmsMasterKeyId: { Ref: 'OperationsKey' } },
    });
  });

  test('limits concurrency where that is asked for', () => {
    expect(reserved('Ingest')).toBe(10);
    for (const name of ['Reveal', 'RevealDashurl', 'Tokenize', 'Erase']) {
      expect(reserved(name), name).toBe(5);
    }
  });

  test('names for each alarm the section of the runbook, and tells the topic', () => {
    expect(alarms().map(({ AlarmName }) => AlarmName)).toHaveLength(9);
    for (const { AlarmName, AlarmDescription, AlarmActions } of alarms()) {
      const section = AlarmName.replace('pii-vault-prod-', '');
      expect(AlarmDescription).toContain(`See docs/operations.md#${section}.`);
      expect(AlarmActions).toEqual([{ Ref: 'AlarmTopic' }]);
    }
  });

  test('watches metrics under the very names and dimensions that the functions write', () => {
    const written = writtenMetrics(resources);
    const ofVault = alarms().filter(({ Namespace }) => Namespace === 'PiiVault');
    expect(ofVault.map(({ MetricName }) => MetricName).toSorted()).toEqual(['denied', 'revealed']);
    for (const { Namespace, MetricName, Dimensions = [] } of ofVault) {
      const dimensions = Dimensions.map(({ Name, Value }) => `${Name}=${String(Value)}`);
      expect(written).toContain([Namespace, MetricName, ...dimensions.toSorted()].join(' '));
    }
  });

  test('draws metrics under the very names and dimensions that the functions write', () => {
    const written = writtenMetrics(resources);
    const drawn = drawnMetrics(resources);
    const ofVault = drawn.filter((metric) => metric.startsWith('PiiVault '));
    expect(ofVault.length).toBeGreaterThan(0);
    for (const metric of ofVault) expect(written).toContain(metric);
    expect(drawn).toContain('pii-vault/prod kmsDenied');

    const { DashboardBody } = resources['Dashboard']!.Properties;
    const byReason = `PiiVault rejectedByReason reason=invalid_json service=pii-vault stage=prod`;
    expect(written).toContain(byReason);
    expect(JSON.stringify(DashboardBody)).toContain("SEARCH('{PiiVault,reason,service,stage}");
  });

  test('counts what KMS refuses from the line that each function logs of it', () => {
    const line = loggedRefusal();
    const filters = ofType('AWS::Logs::MetricFilter').map(({ Properties }) => Properties);
    expect(filters.map(({ LogGroupName }) => LogGroupName)).toEqual(
      ['Ingest', 'Reveal', 'RevealDashurl', 'Tokenize'].map((name) => ({ Ref: `${name}LogGroup` })),
    );
    const alarm = alarms().find(({ AlarmName }) => AlarmName.endsWith('kms-denied'));
    for (const { FilterPattern, MetricTransformations } of filters) {
      const conditions = [...String(FilterPattern).matchAll(/\(\$\.(\w+) = "(\w+)"\)/gu)];
      expect(conditions.some(([, field = '', value]) => line[field] === value)).toBe(true);
      expect(MetricTransformations).toMatchObject([
        { MetricNamespace: alarm?.Namespace, MetricName: alarm?.MetricName },
      ]);
    }
    expect(alarm?.Dimensions).toBeUndefined();
  });

  test('finds its parameters among the outputs of the optional database, under their names', async () => {
    const template = await readFile(databaseTemplate(settings), 'utf8');
    const outputs = template.slice(template.indexOf('\nOutputs:')).matchAll(/^ {2}(\w+):$/gmu);
    const { region: _, ...needed } = await exampleParameters(settings);
    expect([...outputs].map(([, name]) => name)).toEqual(
      expect.arrayContaining(Object.keys(needed)),
    );
  });

  test('is refused without a database and subnets, naming what is missing', async () => {
    await expect(packageStage(settings, 'prod', {}, output)).rejects.toThrow(
      'stage prod: databaseHost is not set; databaseResourceId is not set; ' +
        'subnetIds is not set; securityGroupIds is not set.',
    );
  });

  test('is refused when SQS would deliver a batch again while it still runs', async () => {
    await expect(packaged({ ingestTimeout: '90' })).rejects.toThrow(
      'visibilityTimeout is less than six times ingestTimeout',
    );
  });

  test('is refused with an unknown option, and with too little concurrency for ingest', async () => {
    await expect(packaged({ ingestReservedConcurrency: '3', trail: 'yes' })).rejects.toThrow(
      'trail is neither on nor off; ' +
        'ingestReservedConcurrency is less than ingestMaximumConcurrency',
    );
  });
});

/** The metrics that a function with the template's environment writes: namespace, name, dimensions. */
function writtenMetrics(resources: Record<string, Resource>): string[] {
  const { Environment } = resources['IngestLambdaFunction']!.Properties as {
    Environment: { Variables: Record<string, string> };
  };
  const { POWERTOOLS_SERVICE_NAME, VAULT_STAGE = '' } = Environment.Variables;
  vi.stubEnv('POWERTOOLS_SERVICE_NAME', POWERTOOLS_SERVICE_NAME);
  const output = captureOutput();
  try {
    const metrics = createMetrics(VAULT_STAGE);
    metrics.publish(counts);
    metrics.publishRejected('invalid_json', 1);
    return output.lines().flatMap((line) => {
      const { CloudWatchMetrics } = line['_aws'] as {
        CloudWatchMetrics: {
          Namespace: string;
          Dimensions: string[][];
          Metrics: { Name: string }[];
        }[];
      };
      return CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
        Metrics.flatMap(({ Name }) =>
          Dimensions.map((names) => {
            const pairs = names.map((name) => `${name}=${String(line[name])}`);
            return [Namespace, Name, ...pairs.toSorted()].join(' ');
          }),
        ),
      );
    });
  } finally {
    output.restore();
  }
}

/** The metrics of the dashboard's widgets, likewise, with each "." read as what is above it. */
function drawnMetrics(resources: Record<string, Resource>): string[] {
  const { DashboardBody } = resources['Dashboard']!.Properties as {
    DashboardBody: { 'Fn::Sub': string };
  };
  const { widgets } = JSON.parse(DashboardBody['Fn::Sub']) as {
    widgets: { properties: { metrics?: unknown[][] } }[];
  };
  return widgets.flatMap(({ properties: { metrics = [] } }) => {
    let above: string[] = [];
    return metrics
      .map((metric) => metric.filter((part) => typeof part === 'string'))
      .filter((metric) => metric.length > 0)
      .map((metric) => {
        above = metric.map((part, index) => (part === '.' ? (above[index] ?? '') : part));
        const [namespace, name, ...rest] = above;
        const pairs = rest.flatMap((part, i) => (i % 2 ? [`${rest[i - 1] ?? ''}=${part}`] : []));
        return [namespace, name, ...pairs.toSorted()].join(' ');
      });
  });
}

/** The line that is logged when KMS refuses a function the use of a key. */
function loggedRefusal(): Record<string, unknown> {
  const output = captureOutput();
  try {
    const refusal = new VaultUnavailable('KMS', new KeyServiceError('AccessDeniedException'));
    createLog().error('batch failed', refusal);
    return output.lines()[0] ?? {};
  } finally {
    output.restore();
  }
}
