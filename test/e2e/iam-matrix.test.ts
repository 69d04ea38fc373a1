import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { exampleParameters, packageStage } from '../../scripts/local/package.ts';
import { readSettings } from '../../scripts/local/settings.ts';

interface Statement {
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource: unknown;
  Condition?: unknown;
  Principal?: unknown;
}

interface Resource {
  Type: string;
  Condition?: string;
  Properties: Record<string, unknown> & {
    Policies?: { PolicyDocument: { Statement: Statement[] } }[];
    PolicyDocument?: { Statement: Statement[] };
    KeyPolicy?: { Statement: Statement[] };
    Roles?: { Ref: string }[];
    ManagedPolicyArns?: unknown[];
    Role?: { 'Fn::GetAtt': [string, string] };
  };
}

/** docs/threat-model.md: what each role may do, on what, and under which condition. */
const documented: Record<string, string[]> = {
  IngestRole: [
    'kms:GenerateDataKey on DataKey in its encryption context',
    'kms:GenerateMac on TokenKey with HMAC_SHA_256',
    'logs:CreateLogStream on IngestLogGroup',
    'logs:PutLogEvents on IngestLogGroup',
    'rds-db:connect on vault_ingest',
    'sqs:DeleteMessage on LoginQueue',
    'sqs:GetQueueAttributes on LoginQueue',
    'sqs:ReceiveMessage on LoginQueue',
    'sqs:SendMessage on LoginDeadLetterQueue',
  ],
  RevealRole: [
    'kms:Decrypt on DataKey in its encryption context',
    'logs:CreateLogStream on RevealLogGroup',
    'logs:PutLogEvents on RevealLogGroup',
    'rds-db:connect on vault_reveal',
  ],
  RevealUrlRole: [
    'kms:Decrypt on DataKey in its encryption context',
    'logs:CreateLogStream on RevealDashurlLogGroup',
    'logs:PutLogEvents on RevealDashurlLogGroup',
    'rds-db:connect on vault_reveal_url',
    'sns:Publish on ApprovalTopic',
  ],
  BreakGlassRole: [
    'kms:Decrypt on DataKey in its encryption context',
    'logs:CreateLogStream on BreakDashglassLogGroup',
    'logs:PutLogEvents on BreakDashglassLogGroup',
    'rds-db:connect on vault_break_glass',
    'sns:Publish on ApprovalTopic',
  ],
  ApproveRole: [
    'logs:CreateLogStream on ApproveLogGroup',
    'logs:PutLogEvents on ApproveLogGroup',
    'rds-db:connect on vault_approve',
    'sns:Publish on ApprovalTopic',
  ],
  TokenizeRole: [
    'kms:GenerateMac on TokenKey with HMAC_SHA_256',
    'logs:CreateLogStream on TokenizeLogGroup',
    'logs:PutLogEvents on TokenizeLogGroup',
    'rds-db:connect on vault_tokenize',
  ],
  EraseRole: [
    'logs:CreateLogStream on EraseLogGroup',
    'logs:PutLogEvents on EraseLogGroup',
    'rds-db:connect on vault_erase',
  ],
  MaintainRole: [
    'logs:CreateLogStream on MaintainLogGroup',
    'logs:PutLogEvents on MaintainLogGroup',
    'never s3:PutObject on the audit bucket, anywhere for more than 401 days',
    'never s3:PutObjectRetention on the audit bucket, anywhere for more than 401 days',
    'rds-db:connect on vault_maintain',
    's3:ListBucketVersions on the audit bucket, below audit-heads/',
    's3:PutObject on the audit bucket, below audit-heads/',
    's3:PutObjectRetention on the audit bucket, below audit-heads/',
  ],
  MigrateRole: [
    'logs:CreateLogStream on MigrateLogGroup',
    'logs:PutLogEvents on MigrateLogGroup',
    'rds-db:connect on vault_migrator',
  ],
};

/** The same of the role that exists only while the token key is rotated. */
const documentedRotator = [
  'kms:Decrypt on DataKey in its encryption context',
  'kms:GenerateDataKey on DataKey in its encryption context',
  'kms:GenerateMac on TokenKey2 with HMAC_SHA_256',
  'lambda:GetEventSourceMapping on the event source mapping of ingest',
  'lambda:UpdateEventSourceMapping on the event source mapping of ingest',
  'rds-db:connect on vault_rotate',
  'sqs:GetQueueAttributes on LoginQueue',
];

/** Who may use the keys, by their own policies; the account's administrators may not. */
const documentedKeyUse: Record<string, string[]> = {
  DataKey: [
    'BreakGlassRole: kms:Decrypt in its encryption context',
    'IngestRole: kms:GenerateDataKey in its encryption context',
    'RevealRole: kms:Decrypt in its encryption context',
    'RevealUrlRole: kms:Decrypt in its encryption context',
    'RotatorRole: kms:Decrypt in its encryption context',
    'RotatorRole: kms:GenerateDataKey in its encryption context',
  ],
  TokenKey: [
    'IngestRole: kms:GenerateMac with HMAC_SHA_256',
    'TokenizeRole: kms:GenerateMac with HMAC_SHA_256',
  ],
  TokenKey2: [
    'IngestRole: kms:GenerateMac with HMAC_SHA_256',
    'RotatorRole: kms:GenerateMac with HMAC_SHA_256',
    'TokenizeRole: kms:GenerateMac with HMAC_SHA_256',
  ],
  OperationsKey: [
    'CloudWatch: kms:Decrypt for this account',
    'CloudWatch: kms:GenerateDataKey for this account',
    'Logs: kms:Decrypt for the log groups of the functions',
    'Logs: kms:Encrypt for the log groups of the functions',
    'Logs: kms:GenerateDataKey for the log groups of the functions',
    'Logs: kms:GenerateDataKeyPair for the log groups of the functions',
    'Logs: kms:GenerateDataKeyPairWithoutPlaintext for the log groups of the functions',
    'Logs: kms:GenerateDataKeyWithoutPlaintext for the log groups of the functions',
    'Logs: kms:ReEncryptFrom for the log groups of the functions',
    'Logs: kms:ReEncryptTo for the log groups of the functions',
  ],
};

/** The actions of these know no resource to name. */
const policiesWithoutResource = ['NetworkInterfacePolicy', 'TracingPolicy'];

// what opens, makes or hands on; administration is everything else
const keyUse =
  /^kms:(\*|Decrypt|Encrypt|ReEncrypt|GenerateDataKey|GenerateMac|VerifyMac|Sign|CreateGrant|DeriveShared)/;

let resources: Record<string, Resource>;
beforeAll(async () => {
  const settings = readSettings({});
  const output = await mkdtemp(join(tmpdir(), 'pii-vault-iam-'));
  try {
    const parameters = {
      revealApprovalAbove: '0',
      ...(await exampleParameters(settings)),
      auditBucket: 'audit-bucket',
      rotation: "'on'",
    };
    const template = await packageStage(settings, 'prod', parameters, output);
    resources = JSON.parse(await readFile(template, 'utf8')).Resources as Record<string, Resource>;
  } finally {
    await rm(output, { recursive: true, force: true });
  }
});

describe('the IAM matrix of the compiled template', () => {
  it('gives each role what is documented, and no more', () => {
    const roles = ofType('AWS::IAM::Role').map(([name]) => name);
    expect(
      Object.fromEntries(roles.map((role) => [role, rightsOf(role).map(currentTokenKey)])),
    ).toEqual({ ...documented, RotatorRole: documentedRotator });
  });

  it('gives the rotator its role only while the token key is rotated', () => {
    const conditional = Object.entries(resources).filter(([name]) => name.startsWith('Rotator'));
    expect(conditional.map(([name, { Condition }]) => [name, Condition])).toEqual([
      ['RotatorRole', 'RotationOn'],
      ['RotatorPolicy', 'RotationOn'],
    ]);
  });

  it('gives each function a role of its own', () => {
    const functions = ofType('AWS::Lambda::Function');
    const used = functions.map(([, { Properties }]) => Properties.Role?.['Fn::GetAtt'][0]);
    expect(new Set(used)).toEqual(new Set(Object.keys(documented)));
    expect(functions).toHaveLength(Object.keys(documented).length);
  });

  it('attaches nothing else to a role but the policies for network interfaces and for traces', () => {
    for (const [name, { Properties }] of ofType('AWS::IAM::Role')) {
      if (name === 'RotatorRole') {
        expect(Properties.ManagedPolicyArns).toBeUndefined();
        continue;
      }
      expect(Properties.ManagedPolicyArns, name).toEqual(
        policiesWithoutResource.map((policy) => ({ Ref: policy })),
      );
    }
  });

  it('has no wildcard among its actions, and among resources where AWS has none to name', () => {
    for (const [name, { Properties }] of Object.entries(resources)) {
      for (const statement of statementsOf(Properties)) {
        for (const action of [statement.Action].flat()) expect(action, name).not.toContain('*');
        const anything = JSON.stringify(statement.Resource) === '"*"';
        if (anything) expect(policiesWithoutResource).toContain(name);
      }
    }
  });

  it('lets the network interface policy serve only Lambda, not the code of a function', () => {
    const [allow, deny] = statementsOf(resources['NetworkInterfacePolicy']!.Properties);
    expect([allow?.Action].flat().every((action) => action?.startsWith('ec2:'))).toBe(true);
    expect(deny).toMatchObject({ Effect: 'Deny', Action: allow?.Action });
    expect(JSON.stringify(deny?.Condition)).toContain('lambda:SourceFunctionArn');
  });

  it('lets the tracing policy write traces, and no more', () => {
    expect(statementsOf(resources['TracingPolicy']!.Properties)).toEqual([
      {
        Effect: 'Allow',
        Action: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
        Resource: '*',
      },
    ]);
  });

  it('lets the roles and services that are documented use the keys, and nobody else', () => {
    const use = ofType('AWS::KMS::Key').map(([name, { Properties }]) => [
      name,
      Properties.KeyPolicy!.Statement.map(whileRotating)
        .flatMap((statement) =>
          [statement.Action]
            .flat()
            .filter((action) => keyUse.test(action))
            .flatMap((action) =>
              principalsOf(statement).map((who) => `${who}: ${action}${conditionOf(statement)}`),
            ),
        )
        .toSorted(),
    ]);
    expect(Object.fromEntries(use)).toEqual(documentedKeyUse);
  });

  it.each([
    ['RevealerPolicy', 'RevealDashurl'],
    ['FinderPolicy', 'Tokenize'],
    ['EraserPolicy', 'Erase'],
    ['ApproverPolicy', 'Approve'],
    ['BreakGlassPolicy', 'BreakDashglass'],
  ])('lets the %s open its own URL and nothing else', (policy, name) => {
    const Resource = { 'Fn::GetAtt': [`${name}LambdaFunction`, 'Arn'] };
    expect(statementsOf(resources[policy]!.Properties)).toEqual([
      {
        Sid: 'CallUrl',
        Effect: 'Allow',
        Action: 'lambda:InvokeFunctionUrl',
        Resource,
        Condition: { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } },
      },
      {
        Sid: 'RunThroughUrl',
        Effect: 'Allow',
        Action: 'lambda:InvokeFunction',
        Resource,
        Condition: { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } },
      },
    ]);
  });

  it('lets operators invoke reveal directly, and nothing else', () => {
    expect(statementsOf(resources['OperatorPolicy']!.Properties)).toEqual([
      {
        Sid: 'InvokeDirectly',
        Effect: 'Allow',
        Action: 'lambda:InvokeFunction',
        Resource: { 'Fn::GetAtt': ['RevealLambdaFunction', 'Arn'] },
      },
    ]);
  });

  it('has no other policy for people', () => {
    const policies = ofType('AWS::IAM::ManagedPolicy').map(([name]) => name);
    expect(policies.toSorted()).toEqual(
      ['RevealerPolicy', 'FinderPolicy', 'EraserPolicy', 'OperatorPolicy']
        .concat(['ApproverPolicy', 'BreakGlassPolicy'])
        .concat(policiesWithoutResource)
        .toSorted(),
    );
  });

  it('lets only the schedule invoke a function without IAM, and only maintain', () => {
    expect(ofType('AWS::Lambda::Permission').map(([, { Properties }]) => Properties)).toMatchObject(
      [
        {
          Principal: 'events.amazonaws.com',
          FunctionName: { 'Fn::GetAtt': ['MaintainLambdaFunction', 'Arn'] },
          SourceArn: expect.anything(),
        },
      ],
    );
    const urls = ofType('AWS::Lambda::Url').map(([, { Properties }]) => Properties['AuthType']);
    expect(urls).toEqual(Array(5).fill('AWS_IAM'));
  });
});

function ofType(type: string): [string, Resource][] {
  return Object.entries(resources).filter(([, resource]) => resource.Type === type);
}

function statementsOf(properties: Resource['Properties']): Statement[] {
  return [
    ...(properties.PolicyDocument?.Statement ?? []),
    ...(properties.Policies ?? []).flatMap((policy) => policy.PolicyDocument.Statement),
  ].filter((statement) => statement.Principal === undefined);
}

/** What a role may do by its own policies and by those that name it, one right a line. */
function rightsOf(role: string): string[] {
  const attached = ofType('AWS::IAM::Policy')
    .map(([, { Properties }]) => Properties)
    .filter((properties) => properties.Roles?.some(({ Ref }) => Ref === role));
  return [resources[role]!.Properties, ...attached]
    .flatMap(statementsOf)
    .flatMap((statement) => {
      const never = statement.Effect === 'Deny' ? 'never ' : '';
      return [statement.Action]
        .flat()
        .map(
          (action) => `${never}${action} on ${nameOf(statement.Resource)}${conditionOf(statement)}`,
        );
    })
    .toSorted();
}

function nameOf(resource: unknown): string {
  const text = JSON.stringify(resource);
  const [, attribute] = /^\{"Fn::GetAtt":\["(\w+)","Arn"\]\}$/.exec(text) ?? [];
  const [, databaseUser] = /dbuser:prx-0123456789abcdef0\/(\w+)"\}$/.exec(text) ?? [];
  if (
    text ===
    JSON.stringify(['TokenKey', 'TokenKey2'].map((key) => ({ 'Fn::GetAtt': [key, 'Arn'] })))
  ) {
    return 'TokenKey,TokenKey2';
  }
  if (text.endsWith('"event-source-mapping",{"Ref":"IngestEventSourceMappingSQSLoginQueue"}]]}')) {
    return 'the event source mapping of ingest';
  }
  if (text === JSON.stringify({ Ref: 'ApprovalTopic' })) return 'ApprovalTopic';
  if (text.endsWith(':s3:::audit-bucket"}')) return 'the audit bucket';
  if (text.endsWith(':s3:::audit-bucket/*"}')) return 'the audit bucket, anywhere';
  const isBucket = text.endsWith(':s3:::audit-bucket/pii-vault/prod/audit-heads/*"}');
  return attribute ?? databaseUser ?? (isBucket ? 'the audit bucket, below audit-heads/' : text);
}

function conditionOf({ Condition }: Statement): string {
  if (Condition === undefined) return '';
  const text = JSON.stringify(Condition);
  const context = JSON.stringify({
    StringEquals: {
      'kms:EncryptionContext:service': 'pii-vault',
      'kms:EncryptionContext:stage': 'prod',
    },
    Null: { 'kms:EncryptionContext:dataKeyId': 'false' },
    'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': ['service', 'stage', 'dataKeyId'] },
  });
  if (text === context) return ' in its encryption context';
  const algorithm = JSON.stringify({ StringEquals: { 'kms:MacAlgorithm': 'HMAC_SHA_256' } });
  if (text === algorithm) return ' with HMAC_SHA_256';
  const heads = JSON.stringify({ StringEquals: { 's3:prefix': 'pii-vault/prod/audit-heads/' } });
  if (text === heads) return ', below audit-heads/';
  const retention = { 's3:object-lock-remaining-retention-days': '401' };
  if (text === JSON.stringify({ NumericGreaterThan: retention })) return ' for more than 401 days';
  const account = JSON.stringify({
    StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
  });
  if (text === account) return ' for this account';
  const logGroups = JSON.stringify({
    ArnLike: {
      'kms:EncryptionContext:aws:logs:arn': {
        'Fn::Sub':
          'arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/pii-vault-prod-*',
      },
    },
  });
  return text === logGroups ? ' for the log groups of the functions' : ` if ${text}`;
}

/** The right as it is while the token key is not rotated. */
function currentTokenKey(right: string): string {
  return right.replace('TokenKey,TokenKey2', 'TokenKey');
}

/** What stands in a key's policy while the token key is rotated. */
function whileRotating(statement: Statement): Statement {
  const [condition, then] =
    (statement as { 'Fn::If'?: [string, Statement, unknown] })['Fn::If'] ?? [];
  return condition === 'RotationOn' ? then! : statement;
}

/** What stands in a stage that has the function reveal. */
function whereDirectReveal(value: unknown): unknown {
  const [condition, then] = (value as { 'Fn::If'?: unknown[] })['Fn::If'] ?? [];
  return condition === 'DirectReveal' ? then : value;
}

const services = new Map([
  ['"cloudwatch.amazonaws.com"', 'CloudWatch'],
  ['{"Fn::Sub":"logs.${AWS::Region}.amazonaws.com"}', 'Logs'],
]);

function principalsOf({ Principal }: Statement): string[] {
  const { AWS, Service } = Principal as { AWS?: unknown; Service?: unknown };
  return [AWS ?? Service].flat().map((principal) => {
    const text = JSON.stringify(whereDirectReveal(principal));
    const service = services.get(text);
    if (service !== undefined) return service;
    return /^\{"Fn::GetAtt":\["(\w+)","Arn"\]\}$/.exec(text)?.[1] ?? text;
  });
}
