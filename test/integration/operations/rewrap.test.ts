import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  countDataKeys,
  dataKeysToRewrap,
  replaceWrappedKey,
} from '../../../db/operations/rewrap-keys.ts';
import { createOpeningKeys } from '../../../lib/crypto/data-key.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { createKmsClient, createRewrappingKeyService } from '../../../lib/crypto/kms.ts';
import { reveal, type RevealDeps } from '../../../lib/requests/reveal.ts';
import { rewrap, type RewrapDeps } from '../../../lib/operations/rewrap.ts';
import { startAwsDouble } from '../../helpers/aws-double.ts';
import { type AwsServer, startAwsServer } from '../../helpers/aws-server.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble, type KmsDouble } from '../../../scripts/local/kms-double.ts';
import { runCli, startCli } from '../../helpers/cli.ts';
import { ingestDeps, revealDeps } from '../../helpers/vault.ts';

const containers = 25;

let kms: KmsDouble;
let database: TestDatabase;
let aws: AwsServer;
let revealing: RevealDeps;
let devices: string[];
let oldKey: string;
let newKey: string;

beforeEach(async () => {
  kms = createKmsDouble({ service: 'pii-vault', stage: 'local' });
  newKey = kms.addKey();
  database = await createTestDatabase();
  aws = await startAwsServer(kms);
  revealing = revealDeps(database, kms);
  devices = [];
  // a data key each, as of many containers
  for (let n = 0; n < containers; n += 1) {
    const device = `device ${randomUUID()}`;
    devices.push(device);
    await ingest([sqsRecord(loginMessage({ device_id: device }))], ingestDeps(database, kms));
  }
  oldKey = [...(await countDataKeys(database.admin)).keys()][0]!;
  aws.stacks['pii-vault-local'] = {
    DataKeyArn: newKey,
    OpeningDataKeyArns: `${newKey},${oldKey}`,
  };
});
afterEach(async () => {
  await aws.close();
  await database.drop();
});

/** Reveals every device, through a container that has no data key in memory yet. */
async function revealAll(): Promise<string[]> {
  const { rows } = await database.admin.query<{ token: string }>(
    `select vault.token_text(kind, token) as token from vault.pii_vault where kind = 'device_id'`,
  );
  const { revealed } = await reveal(
    { tokens: rows.map(({ token }) => token), reason: 'are they still there' },
    { id: 'grace', source: 'claimed' },
    randomUUID(),
    { ...revealing, keys: createOpeningKeys(kms) },
  );
  return revealed.map(({ value }) => value).toSorted();
}

function local(): Record<string, string> {
  const { name, port } = database;
  const DATABASE_URL = `postgresql://postgres:${testPassword}@127.0.0.1:${port}/${name}`;
  return { ...aws.environment, DATABASE_URL };
}

const parameters = (...more: string[]) => ['rewrap', '--to', newKey, ...more];
const run = (...more: string[]) => runCli(parameters(...more), local());

/** Calls `what` before each ReEncrypt, with its number from 1, but before none that is a dry run. */
function beforeRewrap(what: (call: number) => unknown): void {
  let calls = 0;
  // the first asks whether the caller may
  aws.before = (action) =>
    action === 'TrentService.ReEncrypt' && (calls += 1) > 1 ? what(calls - 1) : undefined;
}

function deps(changes: Partial<RewrapDeps> = {}): RewrapDeps {
  const pool = database.as('vault_migrator');
  return {
    kms,
    next: (after) => dataKeysToRewrap(pool, newKey, after, 10),
    replace: (key, before) => replaceWrappedKey(pool, key, before),
    progress: () => undefined,
    ...changes,
  };
}

describe('pii-vault rewrap', () => {
  it('moves every data key to the new KMS key; all is revealed without the old one', async () => {
    const { rows: before } = await database.admin.query('table vault.pii_vault order by token');
    expect(await run()).toMatchObject({
      code: 0,
      output: expect.stringContaining(`${containers} data keys are now under ${newKey}`),
    });
    expect(await countDataKeys(database.admin)).toEqual(new Map([[newKey, containers]]));

    kms.disableKey(oldKey);
    expect(await revealAll()).toEqual(devices.toSorted());
    // the values themselves stay as they are, and no plaintext key was asked for
    const { rows: after } = await database.admin.query('table vault.pii_vault order by token');
    expect(after).toEqual(before);
    expect(kms.calls.GenerateDataKey).toBe(containers);
  });

  it('goes on where it was after a kill, and reveals everything meanwhile', async () => {
    const killed = startCli(parameters(), local());
    beforeRewrap((call) => call === 15 && killed.process.kill('SIGKILL'));
    expect(await killed.ended).toMatchObject({ code: null });
    const moved = (await countDataKeys(database.admin)).get(newKey) ?? 0;
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(containers);
    expect(await revealAll()).toEqual(devices.toSorted());

    aws.before = () => undefined;
    kms.rewraps = 0;
    expect(await run()).toMatchObject({ code: 0 });
    expect(kms.rewraps).toBe(containers - moved);
    kms.disableKey(oldKey);
    expect(await revealAll()).toEqual(devices.toSorted());
  });

  it('changes nothing on a dry run, nor a second time', async () => {
    expect(await run('--dry-run')).toMatchObject({
      code: 0,
      output: expect.stringContaining(`${containers} data keys are under another KMS key`),
    });
    expect(kms.rewraps).toBe(0);
    await run();
    expect(await run()).toMatchObject({ code: 0 });
    expect(kms.rewraps).toBe(containers);
  });

  it('leaves a data key that does not open, moves the others, and exits with 1', async () => {
    const { rows } = await database.admin.query<{ id: string }>(
      `update vault.data_keys set wrapped_key = '\\x00' || wrapped_key
       where id = (select id from vault.data_keys order by id limit 1) returning id`,
    );
    expect(await run()).toMatchObject({
      code: 1,
      output: expect.stringContaining(`Data key ${rows[0]!.id} does not open`),
    });
    expect((await countDataKeys(database.admin)).get(newKey)).toBe(containers - 1);
  });

  it('calls access denied by its name, exits with 2, and keeps what is done', async () => {
    beforeRewrap((call) => {
      if (call > 12) throw new Error('denied');
    });
    const { code, output } = await run();
    expect(code).toBe(2);
    expect(output).toMatch(/^Access denied: KMS does not let your AWS credentials move data keys/m);
    expect(await revealAll()).toEqual(devices.toSorted());
  });

  it('moves nothing when the caller may not, which a dry run finds too', async () => {
    aws.before = (action) => {
      if (action === 'TrentService.ReEncrypt') throw new Error('denied');
    };
    for (const more of [[], ['--dry-run']]) {
      expect(await run(...more)).toMatchObject({
        code: 2,
        output: expect.stringContaining('Access denied'),
      });
    }
    expect(kms.rewraps).toBe(0);
  });

  it('refuses a key that the deployed functions may not open', async () => {
    const other = kms.addKey();
    expect(await runCli(['rewrap', '--to', other], local())).toMatchObject({
      code: 2,
      output: expect.stringContaining(`may not open data keys with ${other}`),
    });
    expect(kms.rewraps).toBe(0);
  });

  it('refuses a key under which ingest does not make its data keys', async () => {
    aws.stacks['pii-vault-local']!['DataKeyArn'] = oldKey;
    expect(await run()).toMatchObject({
      code: 2,
      output: expect.stringContaining(`makes its data keys under ${oldKey}`),
    });
    expect(kms.rewraps).toBe(0);
  });

  it('refuses a key that KMS does not have any more', async () => {
    kms.disableKey(newKey);
    expect(await run()).toMatchObject({
      code: 2,
      output: expect.stringContaining(`The KMS key ${newKey} cannot be used`),
    });
  });

  it('passes over data keys whose KMS key is gone, says so, and exits with 2', async () => {
    const gone = kms.addKey();
    const { rows } = await database.admin.query<{ id: string }>(
      `update vault.data_keys set kms_key_arn = $1
       where id in (select id from vault.data_keys order by id limit 3) returning id`,
      [gone],
    );
    aws.before = () => undefined;
    kms.forgetKey(gone);
    const { code, output } = await run('--json');
    expect(code).toBe(2);
    expect(output).toContain(`3 data keys were left: the KMS key ${gone} is deleted or disabled`);
    const counts = await countDataKeys(database.admin);
    expect(counts).toEqual(
      new Map([
        [newKey, containers - 3],
        [gone, 3],
      ]),
    );
    for (const { id } of rows) expect(output).toContain(id);
  });

  it('goes on where it stopped after Ctrl-C, and says so', async () => {
    const cancelled = startCli(parameters(), local());
    beforeRewrap((call) => {
      if (call !== 12) return undefined;
      cancelled.process.kill('SIGINT');
      return cancelled.printed('Stopping');
    });
    expect(await cancelled.ended).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('Run the same command again to go on.'),
    });
    // pages are finished: ten data keys each
    expect((await countDataKeys(database.admin)).get(newKey)).toBe(20);
    aws.before = () => undefined;
    expect(await run()).toMatchObject({ code: 0 });
    expect(await revealAll()).toEqual(devices.toSorted());
  });

  it.each([
    [[], "required option '--to <key-arn>'"],
    [['--to', 'arn:aws:kms:eu-central-1:000000000000:alias/a'], 'aliases are not accepted'],
  ])('exits with 2 and says how it is used: %j', async (given, message) => {
    const result = await runCli(['rewrap', ...given], local());
    expect(result).toMatchObject({ code: 2, output: expect.stringContaining(message) });
  });
});

describe('rewrap', () => {
  it('does not overwrite a row that somebody else changed in between', async () => {
    const elsewhere = Buffer.from('another wrapped form');
    const overtaken = deps({
      replace: async (key, before) => {
        await database.admin.query('update vault.data_keys set wrapped_key = $1 where id = $2', [
          elsewhere,
          before.id,
        ]);
        return deps().replace(key, before);
      },
    });
    expect(await rewrap(newKey, overtaken)).toEqual({
      rewrapped: 0,
      broken: [],
      lost: new Map(),
      overtaken: containers,
    });
    const { rows } = await database.admin.query('select distinct wrapped_key from vault.data_keys');
    expect(rows).toEqual([{ wrapped_key: elsewhere }]);
  });

  it('reveals everything between any two rows', async () => {
    const plain = deps();
    await rewrap(newKey, {
      ...plain,
      next: (after) => dataKeysToRewrap(database.admin, newKey, after, 1),
      replace: async (key, before) => {
        const replaced = await plain.replace(key, before);
        expect(await revealAll()).toEqual(devices.toSorted());
        return replaced;
      },
    });
  });
});

describe('createRewrappingKeyService', () => {
  it('asks ReEncrypt, bound to service, stage and id on both sides', async () => {
    const double = await startAwsDouble();
    try {
      const service = createRewrappingKeyService(createKmsClient(), {
        service: 'pii-vault',
        stage: 'test',
      });
      const key = { id: 'an id', wrapped: Buffer.from('before'), kmsKeyArn: oldKey };
      const CiphertextBlob = Buffer.from('after').toString('base64');
      double.answer = () => ({ status: 200, body: { CiphertextBlob, KeyId: newKey } });
      expect(await service.rewrapDataKey(key, newKey)).toEqual({
        id: 'an id',
        wrapped: new Uint8Array(Buffer.from('after')),
        kmsKeyArn: newKey,
      });
      const context = { service: 'pii-vault', stage: 'test', dataKeyId: 'an id' };
      expect(double.requests).toEqual([
        {
          action: 'TrentService.ReEncrypt',
          parameters: {
            CiphertextBlob: Buffer.from('before').toString('base64'),
            SourceKeyId: oldKey,
            SourceEncryptionContext: context,
            DestinationKeyId: newKey,
            DestinationEncryptionContext: context,
          },
        },
      ]);

      // a key that was not asked for is none to be stored
      double.answer = () => ({ status: 200, body: { CiphertextBlob, KeyId: oldKey } });
      await expect(service.rewrapDataKey(key, newKey)).rejects.toMatchObject({
        name: 'KeyServiceError',
      });
    } finally {
      await double.close();
    }
  });
});
