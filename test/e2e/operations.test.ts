import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  GetEventSourceMappingCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
} from '@aws-sdk/client-lambda';
import { Client, Pool } from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { ingest } from '../../lib/ingest/ingest.ts';
import { createKmsClient, createSealingKeyService } from '../../lib/crypto/kms.ts';
import { databaseUrl, type LocalDatabase, setPasswords } from '../../scripts/local/database.ts';
import { awsVariables, localAws } from '../../scripts/local/settings.ts';
import { deploy } from '../../scripts/local/sls.ts';
import { localDatabase } from '../../scripts/local/stack.ts';
import { addState, readState } from '../../scripts/local/state.ts';
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
describeOnEmulator('pii-vault rewrap, drill and rotate, on a deployed vault', () => {
  let stack: OwnStack;
  let database: LocalDatabase;
  let oldKey: string;
  let newKey: string;
  let tokenKeyArn: string;
  const values: string[] = [];

  beforeAll(async () => {
    stack = await startOwnStack(settings);
    database = await localDatabase(settings, (await readState(settings)).postgres!);
    tokenKeyArn = await addKey();
    await ingestInContainers(containers, () => [login()], oldKey);
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

  /** Ingests as so many containers do: each has a data key of its own. */
  async function ingestInContainers(
    count: number,
    logins: () => ReturnType<typeof loginMessage>[],
    dataKeyArn: string,
  ) {
    const keys = { tokenKeyArns: new Map([[1, tokenKeyArn]]), dataKeyArn };
    for (const [name, value] of Object.entries(awsVariables(settings))) vi.stubEnv(name, value);
    const client = createKmsClient();
    const pool = new Pool({ connectionString: databaseUrl(database, 'vault_ingest'), max: 1 });
    try {
      for (let n = 0; n < count; n += 1) {
        const kms = createSealingKeyService(client, { service: 'pii-vault', stage: 'local' }, keys);
        const records = logins().map((message) => sqsRecord(message));
        await ingest(records, containerDeps(pool, kms));
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

  /** Runs `work` while somebody else holds what this statement locks. */
  async function holding(lock: string, work: () => Promise<void>) {
    const holder = new Client({ connectionString: databaseUrl(database, 'postgres') });
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query(lock);
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
    const fifteenth = `select from vault.data_keys where id = (
      select id from vault.data_keys where kms_key_arn = '${oldKey}' order by id offset 14 limit 1
    ) for update`;
    await holding(fifteenth, async () => {
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
      DEAD_LETTER_QUEUE_URL: outputs.get('DeadLetterQueueUrl') ?? '',
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

  /** Whether ingest is connected to its queue. */
  async function connection(): Promise<string | undefined> {
    const UUID = (await stack.outputs()).get('IngestEventSourceMappingId');
    return (await lambda.send(new GetEventSourceMappingCommand({ UUID }))).State;
  }

  async function countMapped(): Promise<number> {
    const [row] = await stack.query('select count(*)::integer as count from vault.token_map');
    return Number(row!['count']);
  }

  async function countLogins(): Promise<{ logins: number; former: number }> {
    const [row] = await stack.query(
      `select count(*)::integer as logins,
         count(*) filter (where masked_ip like 'ip\\_v1\\_%' or masked_device_id like 'device\\_id\\_v1\\_%')::integer as former
       from user_logins`,
    );
    return { logins: Number(row!['logins']), former: Number(row!['former']) };
  }

  test('rotate ends after it was killed while it mapped and while ingest was paused', async () => {
    // pages of a thousand: the first can be mapped, and the second cannot
    const held = Array.from({ length: 1100 }, (_, n) => `10.7.${n >> 8}.${n & 255}`);
    const logins = () => held.map((ip) => loginMessage({ ip, device_id: null }));
    await ingestInContainers(1, logins, newKey);
    const { logins: before } = await countLogins();
    await addState(settings, { rotation: 'on', tokenGeneration: 1 });
    await deploy(settings);
    await stack.invoke('migrate');
    await setPasswords(database);
    const environment = {
      ...(await local()),
      VAULT_ROTATE_DATABASE_URL: databaseUrl(database, 'vault_rotate'),
    };
    const rotate = () => startCli(['rotate', '--reason', 'the token key leaked'], environment);

    const lastValue = 'select from vault.pii_vault order by token desc limit 1 for update';
    await holding(lastValue, async () => {
      const killed = rotate();
      await eventually(countMapped, (count) => count > 0);
      killed.process.kill('SIGKILL');
      expect(await killed.ended).toMatchObject({ code: null });
      expect(await countMapped()).toBe(1000);
    });
    expect(await connection()).toBe('Enabled');

    await holding('lock table user_logins in row exclusive mode', async () => {
      const killed = rotate();
      await killed.printed('Replacing the tokens');
      killed.process.kill('SIGKILL');
      expect(await killed.ended).toMatchObject({ code: null });
    });
    expect(await connection()).toBe('Disabled');
    await stack.send(login());

    const { code, output } = await rotate().ended;
    expect(output).toMatch(/tokens of generation 1 left +0\n/);
    expect(code).toBe(0);
    expect(await connection()).toBe('Enabled');
    await eventually(countLogins, ({ logins: count }) => count === before + 1);
    expect(await countLogins()).toEqual({ logins: before + 1, former: 0 });
    await expectRevealed();
    for (const value of values) expect(output).not.toContain(value);
  });
});
