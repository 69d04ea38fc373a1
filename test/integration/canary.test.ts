import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { createOpeningKeys } from '../../lib/crypto/data-key.ts';
import { ingest } from '../../lib/ingest/ingest.ts';
import { createLog } from '../../lib/log.ts';
import { createMetrics } from '../../lib/metrics.ts';
import { parseClaimedTokensRequest } from '../../lib/requests/request.ts';
import { perField, perKind, type PiiKind, piiKinds } from '../../lib/pii-fields.ts';
import { reveal } from '../../lib/requests/reveal.ts';
import { loginMessage, sqsRecord } from '../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { terminate, untilBlocked, whileHolding } from '../helpers/faults.ts';
import { createKmsDouble } from '../../scripts/local/kms-double.ts';
import { type CapturedOutput, captureOutput } from '../helpers/output.ts';
import { type Server, startPostgres, templateDatabase } from '../helpers/postgres.ts';
import { readable, spellings } from '../helpers/readable.ts';
import { ingestDeps, revealDeps, setLimits } from '../helpers/vault.ts';

/** Values that occur nowhere else, as producers spell them and as the vault does. */
const group = () => randomBytes(2).toString('hex').replace(/^./, 'f');
const groups = Array.from({ length: 6 }, group).join(':');
const device = `canary-${randomUUID()}`;
const ip = `2001:db8:${groups}`;
const values: Record<PiiKind, string> = {
  ...perKind(({ example }) => example(randomInt(2 ** 40, 2 ** 41))),
  ip,
  device_id: device,
};
const capitals = `2001:0DB8:${groups.toUpperCase()}`;
const canaries = [...Object.values(values), capitals, ip.replaceAll(':', '')];
const spelled = {
  ...perField(
    ({ messageField }) => messageField,
    ({ kind }) => values[kind],
  ),
  ip: capitals,
  device_id: `  ${device}\t`,
};

const jane = { id: 'jane', source: 'claimed' } as const;
const reason = 'ticket 4711: fraud';

let server: Server;
let database: TestDatabase;
let output: CapturedOutput;
/** Whatever was thrown, and the attributes of whatever was sent away. */
const thrown: unknown[] = [];
const attributes: unknown[] = [];

beforeAll(async () => {
  server = await startPostgres([
    // as talkative as an operator could make it
    'log_statement=all',
    'log_min_messages=debug1',
    'log_min_error_statement=debug1',
    'log_error_verbosity=verbose',
    'log_parameter_max_length=-1',
    'log_parameter_max_length_on_error=-1',
    'log_lock_waits=on',
  ]);
  database = await createTestDatabase(templateDatabase, server.port);
  vi.stubEnv('LOG_LEVEL', 'TRACE');
  vi.stubEnv('VAULT_SERVICE', 'pii-vault');
  output = captureOutput();
  try {
    await goThroughEverything();
  } finally {
    output.restore();
    vi.unstubAllEnvs();
  }
});
afterAll(async () => {
  await database.drop();
  await server.stop();
});

async function failing(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    thrown.push(error);
    return;
  }
  expect.fail('it did not fail');
}

async function goThroughEverything(): Promise<void> {
  const kms = createKmsDouble();
  const seen = {
    log: createLog(),
    metrics: createMetrics({ service: 'pii-vault', stage: 'test' }),
  };
  const deps = { ...ingestDeps(database, kms), ...seen };
  const revealing = { ...revealDeps(database, kms), ...seen };
  const record = () => sqsRecord(loginMessage(spelled));
  const { admin } = database;
  const tokens: string[] = [];
  const ask = (changes: Partial<typeof revealing> = {}) =>
    reveal({ tokens, reason }, jane, randomUUID(), { ...revealing, ...changes });

  // the way it should be
  const first = record();
  expect(await ingest([first, record()], deps)).toEqual({ batchItemFailures: [] });
  await ingest([first], deps);
  const tokenizer = await deps.tokenizer();
  tokens.push(...piiKinds.map((kind) => tokenizer.token(kind, values[kind])));
  expect((await ask()).revealed.map(({ value }) => value)).toEqual(
    piiKinds.map((kind) => values[kind]),
  );

  const deviceToken = tokenizer.token('device_id', device);

  // messages that are rejected, for each reason there is
  await admin.query(
    `alter table user_logins add constraint owners check (device_type <> 'forbidden')`,
  );
  const rejected = [
    sqsRecord(`${device} ${ip}`),
    sqsRecord([device, ip]),
    ...Object.keys(loginMessage(spelled)).flatMap((field) => [
      sqsRecord(loginMessage({ ...spelled, [field]: `${device} ${ip}`.repeat(10) })),
      sqsRecord(loginMessage({ ...spelled, [field]: [device, ip] })),
    ]),
    sqsRecord(loginMessage({ ...spelled, ip: `${ip}%${device}` })),
    sqsRecord(loginMessage({ ...spelled, device_id: `${device}\0` })),
    sqsRecord(loginMessage({ ...spelled, device_type: 'forbidden' })),
  ];
  expect(await ingest(rejected, deps)).toEqual({ batchItemFailures: [] });
  expect(deps.deadLetters).toHaveLength(rejected.length);
  attributes.push(...deps.deadLetters.map((message) => message.attributes));

  // faults of database and KMS on the way in
  await admin.query('revoke insert on user_logins from vault_ingest');
  await failing(() => ingest([record()], deps));
  await admin.query('grant insert on user_logins to vault_ingest');
  await whileHolding(database, 'lock table user_logins in access exclusive mode', async () => {
    const work = failing(() => ingest([record()], deps));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await untilBlocked(database, 'vault_ingest');
      await terminate(database, 'vault_ingest');
    }
    await work;
  });
  kms.fault = 'ThrottlingException';
  const waiting = record();
  expect(await ingest([waiting], Object.assign(ingestDeps(database, kms), seen))).toEqual({
    batchItemFailures: [{ itemIdentifier: waiting.messageId }],
  });
  // KMS goes away after it was asked
  const readiness = { fault: async () => null, doubt: () => undefined };
  await failing(() => ingest([record()], { ...ingestDeps(database, kms), ...seen, readiness }));
  await failing(() => ask({ keys: createOpeningKeys(kms) }));
  kms.fault = null;

  // faults on the way out
  await setLimits(database, 'vault_reveal', 1);
  await failing(ask);
  await setLimits(database, 'vault_reveal', 1_000_000);
  await admin.query(
    'alter table vault.reveal_audit add constraint refuses check (false) not valid',
  );
  await failing(ask);
  await admin.query('alter table vault.reveal_audit drop constraint refuses');
  await whileHolding(database, 'select vault.lock_audit_chain()', async () => {
    const work = failing(ask);
    await untilBlocked(database, 'vault_reveal');
    await terminate(database, 'vault_reveal');
    await work;
  });
  await admin.query(
    `update vault.pii_vault set ciphertext = '\\x00' where token = vault.token_bytes($1)`,
    [deviceToken],
  );
  await failing(ask);

  // requests that put values where none belong
  for (const request of [
    { tokens: [device, ip], reason, requestedBy: 'jane' },
    { tokens, reason: `${device}\n${ip}`, requestedBy: 'jane' },
    { tokens, reason, requestedBy: 'jane', [device]: ip },
    device,
  ]) {
    await failing(() => parseClaimedTokensRequest(request));
  }
}

function expectNoCanary(where: string, text: string): void {
  for (const form of canaries.flatMap(spellings)) {
    expect(text.includes(form), `${form} in ${where}`).toBe(false);
  }
}

/** Every row of every table, catalogs included, as text; bytes are hexadecimal. */
async function everyTable(): Promise<Map<string, string>> {
  await database.admin.query('analyze');
  const { rows } = await database.admin.query<{ name: string }>(
    `select format('%I.%I', relnamespace::regnamespace, relname) as name from pg_class
     where relkind in ('r', 'p', 'm') order by name`,
  );
  const tables = new Map<string, string>();
  for (const { name } of rows) {
    const content = await database.admin.query<{ row: string }>(
      `select each::text as row from ${name} as each`,
    );
    tables.set(name, content.rows.map(({ row }) => row).join('\n'));
  }
  return tables;
}

describe('a personal value', () => {
  it('is in no line of the log', () => {
    const events = new Set(output.lines().map((line) => line.message));
    expect(events).toContain('batch processed');
    expect(events).toContain('slice failed');
    expect(events).toContain('message rejected');
    expect(events).toContain('reveal recorded');
    expect(events).toContain('reveal failed');
    expectNoCanary('the log', output.text());
  });

  it('is in no error', () => {
    const names = thrown.map((error) => (error as Error).name);
    expect(new Set(names)).toEqual(
      new Set([
        'DatabaseError',
        'KeyServiceError',
        'VaultUnavailable',
        'QuotaExceeded',
        'SealBroken',
        'InvalidRequest',
      ]),
    );
    for (const error of thrown) expectNoCanary(String(error), readable(error));
  });

  it('is in no attribute of a dead letter', () => {
    expect(attributes.length).toBeGreaterThan(15);
    expectNoCanary('the attributes', JSON.stringify(attributes));
  });

  it('is in no row of any table, in readable form', async () => {
    const tables = await everyTable();
    expect(tables.get('vault.pii_vault')).toContain('device_id');
    expect(tables.get('vault.reveal_audit')).toContain('seal_broken');
    expect(tables.get('public.user_logins')).toContain('device_id_v1_');
    expect(tables.get('pg_catalog.pg_statistic')).toContain('device_id_v1_');
    for (const [name, rows] of tables) expectNoCanary(name, rows);
  });

  it('is in no line of the log of Postgres, which logs every parameter', async () => {
    await database.admin.query(`select 'the end of the log'`);
    const serverLog = await vi.waitFor(async () => {
      const text = await server.log();
      expect(text).toContain('the end of the log');
      return text;
    }, 5_000);
    expect(serverLog).toContain('write_batch');
    expect(serverLog).toContain('permission denied');
    expect(serverLog).toContain('owners');
    expectNoCanary('the log of Postgres', serverLog);
  });

  it('would be found wherever it was written, in each of its forms', async () => {
    await database.admin.query('create table found (content text, bytes bytea)');
    for (const form of [device, Buffer.from(`ab${ip}xyz`).toString('base64')]) {
      await database.admin.query('insert into found (content) values ($1)', [form]);
      const tables = await everyTable();
      expect(() => expectNoCanary('found', tables.get('public.found')!)).toThrow();
      await database.admin.query('truncate found');
    }
    await database.admin.query('insert into found (bytes) values ($1)', [Buffer.from(`x${ip}`)]);
    const tables = await everyTable();
    expect(() => expectNoCanary('found', tables.get('public.found')!)).toThrow();
    expect(() => expectNoCanary('it', readable(new Error('x', { cause: { device } })))).toThrow();
  });
});
