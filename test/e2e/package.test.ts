import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';

import { roles } from '../../db/roles.ts';
import {
  InvalidRequest,
  KeyServiceError,
  QuotaExceeded,
  SealBroken,
  VaultUnavailable,
} from '../../lib/errors.ts';
import { approvalRule, limitsConfig, metricsConfig } from '../../lib/config.ts';
import { createLog } from '../../lib/log.ts';
import { createMetrics, type MetricName } from '../../lib/metrics.ts';
import {
  databaseTemplate,
  everyOption,
  exampleParameters,
  packageStage,
} from '../../scripts/local/package.ts';
import { copyService } from '../../scripts/local/service-copy.ts';
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
  Period: number;
  EvaluationPeriods: number;
  AlarmActions: unknown[];
}

interface MetricFilter {
  LogGroupName: { Ref: string };
  FilterPattern: string;
  MetricTransformations: { MetricNamespace: string; MetricName: string }[];
}

interface KeyPolicy {
  PolicyDocument: { Statement: { Action: string; Resource: unknown; Condition: unknown }[] };
}

const settings = readSettings({});

const refused = new KeyServiceError('AccessDeniedException');

/** Every name that lib/metrics.ts knows; the compiler sees to it that none is left out. */
const counts: Record<MetricName, number> = {
  received: 1,
  stored: 1,
  duplicates: 1,
  rejected: 1,
  sealed: 1,
  failed: 1,
  unavailable: 1,
  revealed: 1,
  breakGlass: 1,
  denied: 1,
  capped: 1,
  lookedUp: 1,
  erased: 1,
  pruned: 1,
  expired: 1,
  verified: 1,
};

describe('a stage on AWS', () => {
  let output: string;
  let resources: Record<string, Resource>;

  const packaged = async (parameters: Readonly<Record<string, string>>) => {
    const all = { ...(await exampleParameters(settings)), ...parameters };
    return readFile(await packageStage(settings, 'prod', all, output), 'utf8');
  };
  /** The template with every option on, and the one of the example as it is. */
  let full: string;
  let plain: string;
  const ofType = (type: string) =>
    Object.values(resources).filter((resource) => resource.Type === type);
  const alarms = () =>
    ofType('AWS::CloudWatch::Alarm').map(({ Properties }) => Properties as unknown as Alarm);

  const filtersOf = (metric: string) =>
    ofType('AWS::Logs::MetricFilter')
      .map(({ Properties }) => Properties as unknown as MetricFilter)
      .filter(({ MetricTransformations }) => MetricTransformations[0]?.MetricName === metric);

  const reserved = (name: string) =>
    resources[`${name}LambdaFunction`]!.Properties['ReservedConcurrentExecutions'];

  beforeAll(async () => {
    output = await mkdtemp(join(tmpdir(), 'pii-vault-packaged-'));
    plain = await packaged({});
    full = await packaged(everyOption);
    ({ Resources: resources } = JSON.parse(full) as { Resources: Record<string, Resource> });
  });

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  afterAll(async () => {
    await rm(output, { recursive: true, force: true });
  });

  test('is packaged with the parameters of the example, offline', () => {
    expect(JSON.parse(plain)).toMatchObject({
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
    expect(plain).not.toContain('DATABASE_PASSWORD');
    expect(plain).not.toContain('AWS::CloudTrail::Trail');
    expect(plain).not.toContain('ReservedConcurrentExecutions');
  });

  test('may have any name, with a file of its own in stages/ and nothing else', async () => {
    const path = await packageStage(
      settings,
      'eu-staging',
      await exampleParameters(settings),
      output,
    );
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({
      Resources: {
        LoginQueue: { Properties: { QueueName: 'pii-vault-eu-staging-login-queue' } },
        IngestLambdaFunction: {
          Properties: { Environment: { Variables: { VAULT_STAGE: 'eu-staging' } } },
        },
      },
    });
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

  test('names for each alarm a section of the runbook, and tells the topic', async () => {
    const runbook = await readFile(join(settings.service, 'docs', 'operations.md'), 'utf8');
    const sections = [...runbook.matchAll(/^## (.+)$/gmu)].map(([, name]) => name);
    expect(alarms().map(({ AlarmName }) => AlarmName)).toHaveLength(14);
    for (const { AlarmName, AlarmDescription, AlarmActions } of alarms()) {
      const section = AlarmName.replace('pii-vault-prod-', '');
      expect(AlarmDescription).toContain(`See docs/operations.md#${section}.`);
      expect(sections).toContain(section);
      expect(AlarmActions).toEqual([{ Ref: 'AlarmTopic' }]);
    }
  });

  test('watches metrics under the very names and dimensions that the functions write', () => {
    const written = writtenMetrics(resources);
    const ofVault = alarms().filter(({ Namespace }) => Namespace === 'PiiVault');
    expect(ofVault.map(({ MetricName }) => MetricName).toSorted()).toEqual([
      'capped',
      'denied',
      'lookedUp',
      'revealed',
      'unavailable',
    ]);
    for (const { Namespace, MetricName, Dimensions = [] } of ofVault) {
      const dimensions = Dimensions.map(({ Name, Value }) => `${Name}=${String(Value)}`);
      expect(written).toContain([Namespace, MetricName, ...dimensions.toSorted()].join(' '));
    }
  });

  test('shows every alarm on the dashboard', () => {
    const { DashboardBody } = resources['Dashboard']!.Properties as {
      DashboardBody: { 'Fn::Sub': string };
    };
    const shown = [...DashboardBody['Fn::Sub'].matchAll(/\$\{(\w+Alarm)\.Arn\}/gu)];
    const names = Object.keys(resources).filter((name) => name.endsWith('Alarm'));
    expect(shown.map(([, name = '']) => name).toSorted()).toEqual(names.toSorted());
  });

  test('misses the daily round only when it is later than it drifts, as CloudWatch allows', () => {
    const missed = alarms().find(({ AlarmName }) => AlarmName.endsWith('maintain-missed'))!;
    const looksBack = missed.Period * missed.EvaluationPeriods;
    // an hour that has only begun counts as one: the last of them gives no room
    expect(looksBack - missed.Period).toBeGreaterThan(86_400);
    expect(looksBack).toBeLessThanOrEqual(missed.Period < 3_600 ? 86_400 : 7 * 86_400);
  });

  test('draws metrics under the very names and dimensions that the functions write', () => {
    const written = writtenMetrics(resources);
    const drawn = drawnMetrics(resources);
    const ofVault = drawn.filter((metric) => metric.startsWith('PiiVault '));
    expect(ofVault.length).toBeGreaterThan(0);
    for (const metric of ofVault) expect(written).toContain(metric);
    for (const name of ['kmsDenied', 'sealBroken', 'revealErrors']) {
      expect(drawn).toContain(`pii-vault/prod ${name}`);
    }

    const { DashboardBody } = resources['Dashboard']!.Properties;
    const byReason = `PiiVault rejectedByReason reason=invalid_json service=pii-vault stage=prod`;
    expect(written).toContain(byReason);
    expect(JSON.stringify(DashboardBody)).toContain("SEARCH('{PiiVault,reason,service,stage}");
  });

  test.each([
    ['kms-denied', ['Ingest', 'Reveal', 'RevealDashurl', 'Tokenize']],
    ['seal-broken', ['Reveal', 'RevealDashurl']],
    ['reveal-errors', ['Reveal', 'RevealDashurl']],
  ])('counts for the alarm %s in the logs of all functions that it is about', (name, functions) => {
    const { Namespace, MetricName, Dimensions } = alarms().find(({ AlarmName }) =>
      AlarmName.endsWith(name),
    )!;
    expect(Dimensions).toBeUndefined();
    const patterns = new Set(filtersOf(MetricName).map(({ FilterPattern }) => FilterPattern));
    expect(patterns.size).toBeGreaterThan(0);
    for (const pattern of patterns) {
      const filters = filtersOf(MetricName).filter(
        ({ FilterPattern }) => FilterPattern === pattern,
      );
      expect(
        filters.map(({ LogGroupName }) => LogGroupName),
        pattern,
      ).toEqual(functions.map((each) => ({ Ref: `${each}LogGroup` })));
      for (const { MetricTransformations } of filters) {
        expect(MetricTransformations).toMatchObject([{ MetricNamespace: Namespace }]);
      }
    }
  });

  test.each([
    ['KMS refuses', new VaultUnavailable('KMS', refused), ['kmsDenied', 'revealErrors']],
    ['a seal is broken', new SealBroken(), ['sealBroken']],
    ['the database is down', new VaultUnavailable('the database'), ['revealErrors']],
    ['there is a bug', new TypeError('x is not a function'), ['revealErrors']],
    [
      'the caller met its quota',
      new QuotaExceeded({ limit: 'quota', allowed: 1000, remaining: 0, retryAt: null }),
      [],
    ],
    ['the caller is wrong', new InvalidRequest('tokens', 'must be a list'), []],
  ])('counts, from the line that is logged of it, that %s', (_, error, expected) => {
    const line = loggedError(error);
    const counted = ['kmsDenied', 'sealBroken', 'revealErrors'].filter((name) =>
      filtersOf(name).some(({ FilterPattern }) => matches(FilterPattern, line)),
    );
    expect(counted).toEqual(expected);
  });

  test('makes data keys only under the key that is named, and opens with former ones too', () => {
    const { dataKeyArn, formerDataKeyArns } = everyOption;
    const own = { 'Fn::GetAtt': ['DataKey', 'Arn'] };
    const opening = [dataKeyArn, own, ...formerDataKeyArns.split(',')];
    const of = (role: string) =>
      (resources[`${role}KeyPolicy`]!.Properties as unknown as KeyPolicy).PolicyDocument.Statement;
    expect(of('Ingest')[0]).toMatchObject({ Action: 'kms:GenerateDataKey', Resource: dataKeyArn });
    for (const role of ['Reveal', 'RevealUrl']) {
      expect(of(role)).toMatchObject([{ Action: 'kms:Decrypt', Resource: opening }]);
      expect(of(role)[0]!.Condition).toEqual(of('Ingest')[0]!.Condition);
    }
    expect(resources['IngestLambdaFunction']!.Properties).toMatchObject({
      Environment: { Variables: { DATA_KEY_ARN: dataKeyArn } },
    });
  });

  test('lets nobody make data keys any more under the key of the stack, once another is named', () => {
    const { KeyPolicy } = resources['DataKey']!.Properties as {
      KeyPolicy: { Statement: { Action?: string | string[]; 'Fn::If'?: unknown[] }[] };
    };
    const allowed = KeyPolicy.Statement.slice(1).map(
      (statement) => statement['Fn::If']?.[1] ?? statement,
    );
    expect(allowed).toMatchObject([
      { Sid: 'RevealOpensDataKeys', Action: 'kms:Decrypt' },
      { Sid: 'RotatorOpensDataKeys', Action: 'kms:Decrypt' },
    ]);
    expect(KeyPolicy.Statement[0]).toMatchObject({ Sid: 'AdministerWithoutUse' });
  });

  test('finds its parameters among the outputs of the optional database, under their names', async () => {
    // the short forms of CloudFormation's functions are tags that YAML does not know
    const { Outputs } = parse(await readFile(databaseTemplate(settings), 'utf8'), {
      logLevel: 'error',
    }) as { Outputs: Record<string, unknown> };
    const { region: _, ...needed } = await exampleParameters(settings);
    expect(Object.keys(Outputs)).toEqual(expect.arrayContaining(Object.keys(needed)));
  });

  test('has an optional database whose proxy lets in every role of the vault, and no other', async () => {
    const template = await readFile(databaseTemplate(settings), 'utf8');
    const users = [...template.matchAll(/:dbuser:\$\{Cluster\.DBClusterResourceId\}\/(\w+)/gu)];
    expect(users.map(([, user = '']) => user).toSorted()).toEqual([...roles].toSorted());
  });

  test('tells the limits to migrate only, and brings the SQL with it', async () => {
    const variables = Object.entries(resources)
      .filter(([, { Type }]) => Type === 'AWS::Lambda::Function')
      .map(([name, { Properties }]) => {
        const { Variables } = Properties['Environment'] as { Variables: Record<string, unknown> };
        return [name, Object.keys(Variables)] as const;
      });
    const told = (variable: RegExp) =>
      variables.filter(([, names]) => names.some((name) => variable.test(name)));
    expect(told(/^DIRECT_REVEAL$|_(QUOTA|CAP)_PER_HOUR$/).map(([name]) => name)).toEqual([
      'MigrateLambdaFunction',
    ]);
    // a zip file has the names of its entries as they are
    const [own, other] = await Promise.all(
      ['migrate', 'reveal'].map((name) => readFile(join(output, `${name}.zip`), 'latin1')),
    );
    for (const file of [
      'functions/claim_reveal.sql',
      'grants.sql',
      'comments.sql',
      'migrations/0000_tables.sql',
    ]) {
      expect(own).toContain(`db/${file}`);
      expect(other).not.toContain(`db/${file}`);
    }
    const { Environment } = resources['MigrateLambdaFunction']!.Properties as {
      Environment: { Variables: Record<string, string> };
    };
    expect(limitsConfig(asText(Environment.Variables))).toEqual([
      { role: 'vault_reveal', perCaller: 1000, overall: 5000 },
      { role: 'vault_reveal_url', perCaller: 1000, overall: 5000 },
      { role: 'vault_break_glass', perCaller: 0, overall: 0 },
      { role: 'vault_tokenize', perCaller: 10_000, overall: 50_000 },
      { role: 'vault_erase', perCaller: 10_000, overall: 50_000 },
    ]);
  });

  test('has no function, role, right or policy of direct reveal where that is off', async () => {
    const on = JSON.parse(plain) as Template;
    const off = JSON.parse(await packaged({ directReveal: "'off'" })) as Template;
    const [direct, withoutIt] = [on, off].map(deployed);
    const names = ['RevealLambdaFunction', 'RevealRole', 'RevealKeyPolicy', 'OperatorPolicy'];
    for (const name of names) expect(direct!.Resources).toHaveProperty(name);
    const left = Object.keys(direct!.Resources).filter((name) => !(name in withoutIt!.Resources));
    expect(left.toSorted()).toEqual(names.toSorted());
    // nothing that is left names any of them
    expect(JSON.stringify(direct!.Resources['DataKey'])).toContain('"RevealRole"');
    for (const name of names) expect(JSON.stringify(withoutIt)).not.toContain(`"${name}"`);
    expect(withoutIt!.Outputs).not.toHaveProperty('OperatorPolicyArn');
    expect(off.Resources['MigrateLambdaFunction']).toMatchObject({
      Properties: { Environment: { Variables: { DIRECT_REVEAL: 'off' } } },
    });
    // what was logged is a witness of the audit
    expect(withoutIt!.Resources).toHaveProperty('RevealLogGroup');
  });

  test('has two more functions where large reveals need an approval, each with rights of its own', async () => {
    const off = JSON.parse(plain) as Template;
    const on = JSON.parse(await packaged({ revealApprovalAbove: '0' })) as Template;
    const added = Object.entries(on.Resources).filter(([name]) => !(name in off.Resources));
    const named = (type: string) =>
      added.filter(([, { Type }]) => Type === type).map(([name]) => name);
    expect(named('AWS::Lambda::Function')).toEqual([
      'ApproveLambdaFunction',
      'BreakDashglassLambdaFunction',
    ]);
    expect(named('AWS::IAM::ManagedPolicy')).toEqual(['ApproverPolicy', 'BreakGlassPolicy']);
    expect(named('AWS::CloudWatch::Alarm')).toEqual(['BreakGlassAlarm']);
    // whoever approves opens nothing
    const opening = (template: Template) => JSON.stringify(template.Resources['DataKey']);
    expect(opening(on)).toContain('"BreakGlassRole"');
    expect(opening(on)).not.toContain('"ApproveRole"');
    expect(JSON.stringify(off)).not.toMatch(/Approve|BreakGlass/);
    for (const name of ['ApproveLogGroup', 'BreakDashglassLogGroup']) {
      expect(on.Resources[name]).toMatchObject({ Properties: { KmsKeyId: expect.anything() } });
    }
    const { Variables } = (
      on.Resources['MigrateLambdaFunction']!.Properties as {
        Environment: { Variables: Record<string, string> };
      }
    ).Environment;
    const environment = asText(Variables);
    expect(approvalRule(environment)).toEqual({ stage: 'prod', above: 0, hours: 24 });
    expect(limitsConfig(environment)).toContainEqual({
      role: 'vault_break_glass',
      perCaller: 200,
      overall: 200,
    });
  });

  test('tells in its outputs what people and their commands need to find', () => {
    const { Outputs } = deployed(JSON.parse(full) as Template);
    expect(Object.keys(Outputs)).toEqual(
      expect.arrayContaining([
        'RevealUrl',
        'TokenizeUrl',
        'EraseUrl',
        'RevealerPolicyArn',
        'FinderPolicyArn',
        'EraserPolicyArn',
        'OperatorPolicyArn',
        'LoginQueueUrl',
        'DeadLetterQueueUrl',
        'AlarmTopicArn',
        'AuditBucketName',
        'DataKeyArn',
        'OpeningDataKeyArns',
        'TokenKeyArn',
        'DatabaseHost',
        'DatabasePort',
        'DatabaseName',
      ]),
    );
  });

  test('is refused with limits that are not whole numbers, or a cap below its quota', async () => {
    await expect(
      packaged({
        revealQuotaPerHour: '0',
        revealCapPerHour: '1.5',
        tokenizeCapPerHour: '9999',
        eraseCapPerHour: 'many',
        directReveal: 'no',
      }),
    ).rejects.toThrow(
      '- revealQuotaPerHour is not a whole number from 1 to 2147483647 ' +
        '- revealCapPerHour is not a whole number from 1 to 2147483647 ' +
        '- eraseCapPerHour is not a whole number from 1 to 2147483647 ' +
        '- directReveal is neither on nor off ' +
        '- tokenizeCapPerHour is less than tokenizeQuotaPerHour',
    );
  });

  test('is refused without a file of its own, whatever its name', async () => {
    const missing = 'There is no stages/qa.yml: copy stages/prod.example.yml';
    await expect(packageStage(settings, 'qa', null, output)).rejects.toThrow(missing);
  });

  test('is refused with a parameter that does not exist, naming the one that is meant', async () => {
    await expect(packaged({ visibilityTimout: '720', maxReceiveCount: '5' })).rejects.toThrow(
      'sls package failed: The stage prod cannot be used: ' +
        '- visibilityTimout is not a parameter: is it visibilityTimeout? ' +
        '- maxReceiveCount times visibilityTimeout is less than a day',
    );
  });

  test('ends with the error of a function that cannot be bundled', async () => {
    const service = join(output, 'service');
    await copyService(settings.service, service);
    await appendFile(join(service, 'functions', 'reveal.ts'), 'const (');
    const parameters = await exampleParameters(settings);
    await expect(
      packageStage({ ...settings, service }, 'prod', parameters, join(output, 'broken')),
    ).rejects.toThrow(/^sls package failed: .*functions\/reveal\.ts:\d+:\d+: ERROR: [^/]*$/u);
  });

  test('is refused with an alias or a key of another region for its data keys', async () => {
    const formerDataKeyArns = everyOption.dataKeyArn.replace('eu-west-1', 'us-east-1');
    const dataKeyArn = 'arn:aws:kms:eu-west-1:111111111111:alias/data';
    await expect(packaged({ dataKeyArn, formerDataKeyArns })).rejects.toThrow(
      `${dataKeyArn} is not a KMS key ARN in eu-west-1 (aliases are not accepted) ` +
        `- ${formerDataKeyArns} is not a KMS key ARN in eu-west-1 (aliases are not accepted)`,
    );
  });

  test('is refused without a database and subnets, naming what is missing', async () => {
    await expect(packageStage(settings, 'prod', {}, output)).rejects.toThrow(
      'The stage prod cannot be used: - databaseHost is not set - databaseResourceId is not set ' +
        '- subnetIds is not set - securityGroupIds is not set Correct it in stages/prod.yml',
    );
  });

  test('is refused when SQS would deliver a batch again while it still runs', async () => {
    await expect(packaged({ ingestTimeout: '90' })).rejects.toThrow(
      'visibilityTimeout is less than six times ingestTimeout',
    );
  });

  test('is refused with an unknown option, and with too little concurrency for ingest', async () => {
    await expect(packaged({ ingestReservedConcurrency: '3', trail: 'yes' })).rejects.toThrow(
      'trail is neither on nor off ' +
        '- ingestReservedConcurrency is less than ingestMaximumConcurrency',
    );
  });
});

interface Template {
  Conditions: Record<string, { 'Fn::Equals': [unknown, unknown] } | { 'Fn::Not': unknown }>;
  Resources: Record<string, Resource & { Condition?: string }>;
  Outputs: Record<string, { Condition?: string }>;
}

/** What CloudFormation makes of the template: what its conditions leave, and no empty value. */
function deployed(template: Template): Template {
  const { DirectReveal } = template.Conditions;
  const [given, wanted] = (DirectReveal as { 'Fn::Equals': [unknown, unknown] })['Fn::Equals'];
  const isOff = given !== wanted;
  const kept = <T extends { Condition?: string }>(all: Record<string, T>) =>
    Object.fromEntries(
      Object.entries(all).filter(([, { Condition }]) => !isOff || Condition !== 'DirectReveal'),
    );
  const text = JSON.stringify(
    { ...template, Resources: kept(template.Resources), Outputs: kept(template.Outputs) },
    (_key, value: unknown) => {
      const [condition, then, otherwise] = (value as { 'Fn::If'?: unknown[] })?.['Fn::If'] ?? [];
      return condition === 'DirectReveal' ? (isOff ? otherwise : then) : value;
    },
  );
  return JSON.parse(text) as Template;
}

function asText(variables: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, String(value)]),
  );
}

/** The metrics that a function with the template's environment writes: namespace, name, dimensions. */
function writtenMetrics(resources: Record<string, Resource>): string[] {
  const { Environment } = resources['IngestLambdaFunction']!.Properties as {
    Environment: { Variables: Record<string, string> };
  };
  const output = captureOutput();
  try {
    const metrics = createMetrics(metricsConfig(asText(Environment.Variables)));
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

/** The line that is logged when a function fails so. */
function loggedError(error: Error): Record<string, unknown> {
  const output = captureOutput();
  try {
    createLog({ service: 'pii-vault', level: 'INFO' }).error('reveal failed', error);
    return output.lines()[0] ?? {};
  } finally {
    output.restore();
  }
}

/** Whether CloudWatch's pattern, one of fields that equal texts, fits the line. */
function matches(pattern: string, line: Record<string, unknown>): boolean {
  const conditions = [...pattern.matchAll(/\(\$\.(\w+) = "(\w+)"\)/gu)];
  return conditions.some(([, field = '', value]) => line[field] === value);
}
