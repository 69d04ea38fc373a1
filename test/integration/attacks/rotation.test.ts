import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { ingest } from '../../../lib/ingest/ingest.ts';
import { tokenBytes } from '../../../lib/crypto/token.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { auditOutcomes, claim, endStolenLogins, stolenLogin } from '../../helpers/attacker.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { openTestRotation, switchRotation, type TestRotation } from '../../helpers/rotation.ts';
import { ingestDeps } from '../../helpers/vault.ts';

let database: TestDatabase;
let rotation: TestRotation;
let thief: Client;
let eraser: Client;
let tokens: string[];
beforeEach(async () => {
  database = await createTestDatabase();
  const kms = createKmsDouble();
  const container = ingestDeps(database, kms);
  const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
  const messages = addresses.map((ip) => sqsRecord(loginMessage({ ip, device_id: null })));
  await ingest(messages, container);
  const tokenizer = await container.tokenizer();
  tokens = addresses.map((ip) => tokenizer.token('ip', ip));
  rotation = await openTestRotation(database, kms);
  thief = await stolenLogin(database, 'vault_rotate');
  eraser = await stolenLogin(database, 'vault_erase');
});
afterEach(async () => {
  await endStolenLogins();
  await database.drop();
});
// the role belongs to the whole server
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  database = await createTestDatabase();
  await switchRotation(database, false);
  await database.drop();
});

const who = `'r', 'arn:aws:iam::1:user/mallory', 'a reason of somebody'`;
const begin = `select vault.begin_rotation(${who}, false)`;
const reads = [
  'select * from vault.rotation_page(null, 100)',
  'select * from vault.rotation_rest(100)',
];

const held = async () =>
  (
    await database.admin.query<{ token: Buffer }>(
      'select token from vault.pii_vault order by token',
    )
  ).rows.map(({ token }) => token.toString('hex'));

const erased = async (asked: readonly string[], suppress = false) =>
  (
    await eraser.query<{ outcome: string }>(
      `select outcome from vault.erase($1, 'iam', 'arn:aws:iam::1:user/o', 'a reason of an officer', $2, $3)`,
      [randomUUID(), asked, suppress],
    )
  ).rows.map(({ outcome }) => outcome);

/** The bytes of a former token, spelled as a token of the present generation. */
const alias = (token: string) => token.replace('_v1_', '_v2_');

describe('the login of vault_rotate', () => {
  it.each(reads)(
    'reads nothing before the record of the rotation is there for good: %s',
    async (read) => {
      for (const start of [begin, `savepoint s; ${begin}; release savepoint s`]) {
        await thief.query('begin');
        await thief.query(start);
        await expect(thief.query(read)).rejects.toThrow('in transactions of their own');
        await thief.query('rollback');
      }
      await expect(thief.query(read)).rejects.toThrow('only while a rotation maps them');
      expect(await auditOutcomes(database)).toEqual([]);
      await thief.query(begin);
      expect((await thief.query(read)).rowCount).toBe(tokens.length);
      expect(await auditOutcomes(database)).toEqual(['begun']);
    },
  );

  it('wipes no value by a rotation that it takes back', async () => {
    const before = await held();
    await thief.query(begin);
    const [one, another] = tokens.map((token) => Buffer.from(tokenBytes(token)));
    await expect(
      thief.query(
        `select vault.map_tokens(array[$1::bytea], array[$2::bytea], array['\\x00'::bytea], array[false],
           gen_random_uuid(), '\\x01', 'arn')`,
        [one, another],
      ),
    ).rejects.toThrow('that of another value');
    await rotation.abort();
    expect(await held()).toEqual(before);
  });
});

describe('a former token that is spelled as a present one', () => {
  beforeEach(async () => {
    // swapped, and interrupted before what is left under former tokens is swept
    await rotation.rotate({ sweep: () => Promise.resolve() });
  });

  it('names no value', async () => {
    const before = await held();
    const reader = await stolenLogin(database, 'vault_reveal');
    const finder = await stolenLogin(database, 'vault_tokenize');
    const [token] = tokens.map(alias);
    expect((await reader.query(claim('r', [token!]))).rows).toMatchObject([{ outcome: 'unknown' }]);
    const looked = await finder.query(
      `select outcome from vault.look_up('r', 'iam', 'mallory', 'a reason of somebody', $1)`,
      [[token]],
    );
    expect(looked.rows).toEqual([{ outcome: 'unknown' }]);
    expect(await erased([token!])).toEqual(['unknown']);
    expect(await held()).toEqual(before);
  });

  it('keeps the rotation from ending neither by an erase nor by a suppression', async () => {
    expect(await erased([alias(tokens[0]!)], true)).toEqual(['unknown']);
    await rotation.sweep();
    expect(await erased([alias(tokens[1]!)], true)).toEqual(['unknown']);
    expect(await rotation.finish()).toMatchObject({ left: 0 });
  });

  it('can be erased for good under both of its names at once', async () => {
    const { rows } = await database.admin.query<{ name: string }>(
      'select (vault.current_token($1))[1] as name',
      [[tokens[0]]],
    );
    expect(await erased([tokens[0]!, rows[0]!.name], true)).toEqual(['erased', 'erased']);
  });
});
