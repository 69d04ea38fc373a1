import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ingest } from '../../../lib/ingest/ingest.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { type AwsServer, startAwsServer } from '../../helpers/aws-server.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { runCli } from '../../helpers/cli.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import {
  nextKey,
  openTestRotation,
  switchRotation,
  type TestRotation,
} from '../../helpers/rotation.ts';
import { ingestDeps } from '../../helpers/vault.ts';

const kms = createKmsDouble();
let database: TestDatabase;
let aws: AwsServer;
let rotation: TestRotation;
let former: string;

beforeAll(async () => {
  database = await createTestDatabase();
  aws = await startAwsServer();
  const container = ingestDeps(database, kms);
  const logins = ['192.0.2.1', '192.0.2.2'].map((ip) => loginMessage({ ip, device_id: null }));
  await ingest(
    logins.map((login) => sqsRecord(login)),
    container,
  );
  const tokenizer = await container.tokenizer();
  former = tokenizer.token('ip', '192.0.2.1');
  await database
    .as('vault_erase')
    .query(
      `select from vault.erase('r', 'iam', 'arn:aws:iam::1:user/olga', 'a request of a person', $1, true)`,
      [[tokenizer.token('ip', '192.0.2.2')]],
    );
});
afterAll(async () => {
  await switchRotation(database, false);
  await aws.close();
  await database.drop();
});

const urlFor = (role: string) =>
  `postgres://${role}:${testPassword}@127.0.0.1:${database.port}/${database.name}`;
const run = (...parameters: string[]) =>
  runCli(parameters, {
    ...aws.environment,
    DATABASE_URL: urlFor('postgres'),
    VAULT_ROTATE_DATABASE_URL: urlFor('vault_rotate'),
  });

const other = `${nextKey}-of-another-deployment`;

/** What is deployed. */
const deployed = (state: 'on' | 'off', generation: number, next = nextKey) => {
  const present = 'arn:aws:kms:eu-central-1:000000000000:key/former';
  aws.stacks['pii-vault-local'] = {
    Rotation: state,
    TokenGeneration: String(generation),
    TokenKeyArn: present,
    TokenKeyArns: `${generation}=${present}${state === 'on' ? `,${generation + 1}=${next}` : ''}`,
    DataKeyArn: 'arn:aws:kms:eu-central-1:000000000000:key/data',
    RotatorRoleArn: 'arn:aws:iam::000000000000:role/rotator',
    IngestEventSourceMappingId: 'none',
  };
};

describe('pii-vault rotate', () => {
  it('names suppressed values before it deploys anything', async () => {
    deployed('off', 1);
    for (const options of [['--dry-run'], []]) {
      const { code, output } = await run('rotate', ...options);
      expect(output).toContain(
        '- values are suppressed (1; npx pii-vault audit --action suppress lists them), which ends with it: add --end-supp',
      );
      expect(output).not.toContain('Deploying');
      expect(code).not.toBe(0);
    }
    expect(await run('rotate', '--dry-run', '--end-suppressions')).toMatchObject({ code: 0 });
  });

  it('estimates tables that were never analysed by their size', async () => {
    const { stdout } = await run('rotate', '--dry-run');
    expect(stdout).toMatch(/values to open and seal anew +about [1-9]/);
    expect(stdout).toContain('never analysed');
  });

  it('is said to be under way by other commands and a dry run', async () => {
    const none = 'of the token key';
    expect((await run('verify')).output).not.toContain(none);
    rotation = await openTestRotation(database, kms);
    deployed('on', 1);
    await rotation.begin(true);
    for (const command of [['verify'], ['reconcile'], ['rotate', '--dry-run']] as const) {
      const { code, output } = await run(...command);
      expect(output).toMatch(/rotation of the token key to generation 2 began at 20/);
      expect(code).toBe(0);
    }
    // rotation was off and on again in between: the stack has made another key
    deployed('on', 1, other);
    for (const options of [['--dry-run'], []]) {
      const { code, output } = await run('rotate', ...options);
      expect(output).toContain(`begun under the next token key ${nextKey}, and local is deployed`);
      expect(output).toContain(`with ${other} now`);
      expect(output).toContain(
        'or take the rotation back (npx pii-vault rotate --stage local --ab',
      );
      expect(code).not.toBe(0);
    }
    expect(await rotation.state()).toMatchObject({ phase: 'mapping', nextKey, mapped: 0 });
    deployed('on', 1);
    await rotation.rotate();
    for (const command of [['verify'], ['reconcile'], ['rotate', '--dry-run']] as const) {
      expect((await run(...command)).output).toMatch(/generation 2 replaced the tokens at 20/);
    }
  });

  it('is followed by audit --token', async () => {
    const translate = `later rows have another token, which npx pii-vault translate ${former} names`;
    expect((await run('audit', '--token', former)).output).toContain(translate);
    const present = former.replace('_v1_', '_v2_');
    expect((await run('audit', '--token', present)).output).toContain('have the former token');
  });

  it('says that the stage has another key than the tokens', async () => {
    deployed('on', 1, other);
    const { code, output } = await run('rotate');
    expect(output).toContain(`token key ${nextKey}, and local is deployed with ${other}`);
    expect(code).toBe(1);
    deployed('on', 1);
    expect((await run('rotate')).code).toBe(0);
  });

  it('--finish that could not deploy is run again, and begins no other rotation', async () => {
    for (const key of [other, nextKey]) {
      deployed('on', 1, key);
      const { code, output } = await run('rotate', '--finish');
      expect(output.includes(`local is deployed with ${other}`)).toBe(key === other);
      expect(output).toContain('The local stage could not be deployed');
      expect(code).toBe(2);
      expect(await rotation.state()).toMatchObject({ phase: null, generation: 2, mapped: 0 });
    }
    const again = await run('rotate');
    expect(again.output).toContain('is finished, and local is not deployed with it: run');
    expect(again.code).toBe(2);
    expect((await run('rotate', '--dry-run')).output).toContain('is not deployed with it');
    expect((await run('audit', '--token', former)).output).toContain('can be translated no longer');

    deployed('off', 2);
    const { output } = await run('rotate', '--finish');
    expect(output).toContain('No rotation is under way on local.');
    const { rows } = await database.admin.query<{ outcome: string }>(
      `select outcome from vault.reveal_audit where action = 'rotate' order by id`,
    );
    expect(rows.map(({ outcome }) => outcome)).toEqual(['begun', 'swapped', 'finished']);
  });
});
