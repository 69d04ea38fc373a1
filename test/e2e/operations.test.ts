import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { Client, Pool } from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { ingest } from '../../lib/ingest/ingest.ts';
import {
  createKmsClient,
  createSealingKeyService,
  type TokenKeyArns,
} from '../../lib/crypto/kms.ts';
import { databaseUrl, type LocalDatabase } from '../../scripts/local/database.ts';
import { awsVariables, localAws } from '../../scripts/local/settings.ts';
import { localDatabase } from '../../scripts/local/stack.ts';
import { readState } from '../../scripts/local/state.ts';
import { loginMessage, sqsRecord } from '../helpers/builders.ts';
import { type RunningCli, startCli } from '../helpers/cli.ts';
import { containerDeps } from '../helpers/vault.ts';
import {
  describeOnEmulator,
  eventually,
  type OwnStack,
  ownSettings,
  removeOwnStack,
  startOwnStack,
} from './own-stack.ts';
import { found, iam } from './aws-api.ts';

const containers = 25;

const newDataKey = `
  NewDataKey:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy: \${file(infra/data-key-policy.yml):current}

Outputs:
  NewDataKeyArn:
    Value: !GetAtt NewDataKey.Arn
`;

/** What docs/operations.md lets the operator do for the time being. */
function statement(action: string, users: readonly string[]): string {
  return `
    - Effect: Allow
      Principal:
        AWS: [${users.map((user) => `arn:aws:iam::000000000000:user/${user}`).join(', ')}]
      Action: ${action}
      Resource: '*'
      Condition: \${file(infra/shared.yml):encryptionContext}
`;
}

const settings = await ownSettings();
describeOnEmulator('pii-vault rewrap and drill, on a deployed vault', () => {
  let stack: OwnStack;
  let database: LocalDatabase;
  let oldKey: string;
  let newKey: string;
  const values: string[] = [];

  beforeAll(async () => {
    stack = await startOwnStack(settings);
    database = await localDatabase(settings, (await readState(settings)).postgres!);
    const tokenKeyArn = await addKey();
    await ingestInContainers({ tokenKeyArns: new Map([[1, tokenKeyArn]]), dataKeyArn: oldKey });
    // step 2 of docs/operations.md, "Rotate the KMS key"
    await stack.redeploy('stages/local.yml', (text) => `${text}\ndataKeyArn: ${newKey}\n`);
    await stack.send(login());
    await eventually(countByKey, (counts) => counts[newKey] === 1);
  });

  afterAll(async () => {
    vi.unstubAllEnvs();
    lambda.destroy();
    await removeOwnStack(settings);
  });

  /** A login with personal values that no other login has. */
  function login() {
    const ip = `2001:db8::${values.length + 1}`;
    const device = `device ${randomUUID()}`;
    values.push(ip, device);
    return loginMessage({ ip, device_id: device });
  }

  /** Adds a key with the policy of the one in use; returns the ARN of the token key. */
  async function addKey(): Promise<string> {
    const policies = join(settings.service, 'infra', 'data-key-policy.yml');
    const text = await readFile(policies, 'utf8');
    await writeFile(
      policies,
      text
        .replace(
          /^current:[^]*?Statement:\n/m,
          `$&${statement('kms:ReEncryptTo', ['operator', 'receiver'])}`,
        )
        .replace(
          /^former:[^]*?Statement:\n/m,
          `$&${statement('kms:ReEncryptFrom', ['operator', 'giver'])}`,
        ),
    );
    await stack.redeploy('infra/keys.yml', (template) => template + newDataKey);
    const { stdout } = await stack.sls('info', '--verbose');
    const output = (name: string) => found(stdout, new RegExp(`^ *${name}: (\\S+)$`, 'm'));
    oldKey = output('OwnDataKeyArn');
    newKey = output('NewDataKeyArn');
    return output('TokenKeyArn');
  }

  /** Ingests as many containers do: each has a data key of its own. */
  async function ingestInContainers(keys: { tokenKeyArns: TokenKeyArns; dataKeyArn: string }) {
    for (const [name, value] of Object.entries(awsVariables(settings))) vi.stubEnv(name, value);
    const client = createKmsClient();
    const pool = new Pool({ connectionString: databaseUrl(database, 'vault_ingest'), max: 1 });
    try {
      for (let n = 0; n < containers; n += 1) {
        const kms = createSealingKeyService(client, { service: 'pii-vault', stage: 'local' }, keys);
        await ingest([sqsRecord(login())], containerDeps(pool, kms));
      }
    } finally {
      client.destroy();
      await pool.end();
    }
  }

  async function countByKey(): Promise<Record<string, number>> {
    const rows = await stack.query(
      'select kms_key_arn, count(*)::integer as count from vault.data_keys group by 1',
    );
    const counts = rows.map((row) => [row['kms_key_arn'], row['count']]);
    return Object.fromEntries(counts) as Record<string, number>;
  }

  const sealedValues = () =>
    stack.query(
      'select vault.token_text(kind, token) as token, ciphertext, data_key_id from vault.pii_vault order by token',
    );

  /** What the deployed `reveal` makes of all that the vault holds. */
  async function revealAll(): Promise<string[]> {
    const tokens = (await sealedValues()).map((row) => row['token']);
    const request = { tokens, reason: 'are they still there', requestedBy: 'vitest' };
    const { revealed } = (await stack.invoke('reveal', request)) as {
      revealed: { value: string }[];
    };
    return revealed.map(({ value }) => value).toSorted();
  }

  /** Makes an IAM user who may read the stack's outputs; returns what starts the command as that user. */
  async function commandOf(UserName: string): Promise<() => RunningCli> {
    await iam(stack.endpoint, { Action: 'CreateUser', UserName });
    const reading = { Effect: 'Allow', Action: 'cloudformation:DescribeStacks', Resource: '*' };
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [reading] });
    const policy = { UserName, PolicyName: 'read-outputs', PolicyDocument };
    await iam(stack.endpoint, { Action: 'PutUserPolicy', ...policy });
    const key = await iam(stack.endpoint, { Action: 'CreateAccessKey', UserName });
    const environment = {
      ...awsVariables(settings),
      AWS_ACCESS_KEY_ID: found(key, /<AccessKeyId>(.+?)</),
      AWS_SECRET_ACCESS_KEY: found(key, /<SecretAccessKey>(.+?)</),
      VAULT_MIGRATOR_DATABASE_URL: databaseUrl(database, 'vault_migrator'),
    };
    return () => startCli(['rewrap', '--to', newKey], environment);
  }

  /** Runs `work` while the data key in that place, of those under the old key, cannot be changed. */
  async function holding(place: number, work: () => Promise<void>) {
    const holder = new Client({ connectionString: databaseUrl(database, 'postgres') });
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query(
        `select from vault.data_keys where id = (
           select id from vault.data_keys where kms_key_arn = $1 order by id offset $2 limit 1
         ) for update`,
        [oldKey, place],
      );
      await work();
    } finally {
      await holder.end();
    }
  }

  test.each(['giver', 'receiver'])(
    'is refused to a %s, whom one of the two keys does not know, and changes nothing',
    async (user) => {
      const run = await commandOf(user);
      expect(await run().ended).toMatchObject({
        code: 2,
        output: expect.stringMatching(/^Access denied: KMS does not let your AWS credentials/m),
      });
      expect(await countByKey()).toEqual({ [oldKey]: containers, [newKey]: 1 });
    },
  );

  test('moves all data keys in two runs, the first of them killed; all is revealed throughout', async () => {
    const before = await sealedValues();
    const run = await commandOf('operator');
    // pages of ten: the first is done, and the second is not
    await holding(14, async () => {
      const killed = run();
      await eventually(countByKey, (counts) => (counts[newKey] ?? 0) > 10);
      killed.process.kill('SIGKILL');
      expect(await killed.ended).toMatchObject({ code: null });
    });
    // five at the least: the third page is not begun
    expect((await countByKey())[oldKey]).toBeGreaterThanOrEqual(5);
    expect(await revealAll()).toEqual(values.toSorted());

    expect(await run().ended).toMatchObject({
      code: 0,
      output: expect.stringContaining(`data keys are now under ${newKey}`),
    });
    expect(await countByKey()).toEqual({ [newKey]: containers + 1 });
    expect(await revealAll()).toEqual(values.toSorted());
    expect(await sealedValues()).toEqual(before);
    for (const value of values) expect(await stack.log()).not.toContain(value);
  });

  /** What `npm start` would have written for the commands. */
  async function local(): Promise<Record<string, string>> {
    const outputs = await stack.outputs();
    return {
      ...awsVariables(settings),
      LOGIN_QUEUE_URL: outputs.get('LoginQueueUrl') ?? '',
      DATABASE_URL: databaseUrl(database, 'postgres'),
      VAULT_AUDITOR_DATABASE_URL: databaseUrl(database, 'vault_auditor'),
      VAULT_MIGRATOR_DATABASE_URL: databaseUrl(database, 'vault_migrator'),
    };
  }

  const lambda = new LambdaClient({ endpoint: settings.endpoint.origin, ...localAws });

  /** What a drill has left, beside its own login. */
  async function leftovers(): Promise<unknown[]> {
    const databases = await stack.query(
      `select datname from pg_database where datname = 'vault_drill'`,
    );
    const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
    const names = Functions.map(({ FunctionName = '' }) => FunctionName);
    return [...databases, ...names.filter((name) => name.endsWith('drill'))];
  }

  /** Lets the deployed `reveal` reveal, and sees its row in the audit of the vault's own database. */
  async function expectRevealed(): Promise<void> {
    const [row] = await stack.query(
      'select vault.token_text(kind, token) as token from vault.pii_vault order by created_at limit 1',
    );
    const request = { tokens: [row?.['token']], reason: 'during a drill', requestedBy: 'vitest' };
    const { Payload = new Uint8Array() } = await lambda.send(
      new InvokeCommand({
        FunctionName: 'pii-vault-local-reveal',
        Payload: JSON.stringify(request),
      }),
    );
    const answer = JSON.parse(Buffer.from(Payload).toString('utf8')) as {
      requestId: string;
      revealed: { value: string }[];
    };
    expect(values).toContain(answer.revealed[0]?.value);
    const audited = await stack.query('select from vault.reveal_audit where request_id = $1', [
      answer.requestId,
    ]);
    expect(audited).toHaveLength(1);
  }

  test('drill restores and reveals, and leaves the functions and all other values alone', async () => {
    const before = await sealedValues();
    const running = startCli(['drill'], await local());
    await running.printed('✔ Copy the function');
    await expectRevealed();
    expect(await running.ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('The drill succeeded'),
    });
    expect(await leftovers()).toEqual([]);
    expect(await sealedValues()).toEqual(before);
    await expectRevealed();
  });

  test.each(['Send a login', 'Create a new database', 'Copy the function'])(
    'drill leaves nothing but its own login when it is cancelled after: %s',
    async (step) => {
      const running = startCli(['drill'], await local());
      await running.printed(`✔ ${step}`);
      running.process.kill('SIGINT');
      expect(await running.ended).toMatchObject({
        code: 130,
        stderr: expect.stringContaining(
          'Cancelled. Nothing of the drill is left but its own login.',
        ),
      });
      expect(await leftovers()).toEqual([]);
      await expectRevealed();
    },
  );

  test('drill removes what a killed drill has left, which has hurt nobody', async () => {
    const killed = startCli(['drill'], await local());
    await killed.printed('✔ Copy the function');
    killed.process.kill('SIGKILL');
    await killed.ended;
    expect(await leftovers()).toHaveLength(2);
    await expectRevealed();
    expect(await startCli(['drill'], await local()).ended).toMatchObject({ code: 0 });
    expect(await leftovers()).toEqual([]);
  });
});
