import { randomUUID } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { IngestDeps } from '../../../lib/ingest/deps.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { reveal } from '../../../lib/requests/reveal.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import {
  auditOutcomes,
  claim,
  endStolenLogins,
  holdValues,
  stolenLogin,
} from '../../helpers/attacker.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { untilBlocked, whileHolding } from '../../helpers/faults.ts';
import { ingestDeps, revealDeps } from '../../helpers/vault.ts';

let database: TestDatabase;
const keys = async () =>
  (await database.admin.query<{ id: string }>('select id from vault.data_keys')).rows;
const isThere = async (id: string) => (await keys()).some((row) => row.id === id);
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
afterEach(endStolenLogins);

/** Sends these lines to `COPY`. */
async function copyIn(session: Client, statement: string, lines: string): Promise<void> {
  await pipeline([lines], session.query(copyFrom(statement)));
}

const call = (name: string, token: string) =>
  `select outcome from vault.${name}('r', 'iam', 'mallory', 'a reason of somebody', '{${token}}')`;

/** What the audit says, or `refused` where it takes no row. */
async function outcome(text: string, session: Client): Promise<string> {
  const result = await session.query<{ outcome: string }>(text).catch(() => null);
  return result?.rows[0]?.outcome ?? 'refused';
}

describe('another spelling of a token', () => {
  it('is not the token, whoever asks for it', async () => {
    const [token = ''] = await holdValues(database);
    // the same 20 bytes, for a decoder that passes over the two bits in excess; and what is not base64url
    const others = ['B', 'C', 'D', '=', '+', '\n'].map((last) => token.slice(0, -1) + last);
    others.push(token.replace('ip_v1', 'ip_v2'), token.replace('ip_v1', 'device_id_v1'));
    const reader = await stolenLogin(database, 'vault_reveal');
    const finder = await stolenLogin(database, 'vault_tokenize');
    const eraser = await stolenLogin(database, 'vault_erase');
    for (const other of others) {
      for (const said of [
        await outcome(claim('r', [other]), reader),
        await outcome(call('look_up', other), finder),
        await outcome(call('erase', other), eraser),
      ]) {
        expect(['unknown', 'refused'], other).toContain(said);
      }
    }
    expect(await auditOutcomes(database)).not.toContain('erased');
    const { rows } = await eraser.query(call('erase', token));
    expect(rows).toEqual([{ outcome: 'erased' }]);
    for (const other of others.slice(0, 3)) {
      expect((await eraser.query(call('erase', other))).rows).toEqual([{ outcome: 'unknown' }]);
      expect((await reader.query(claim('s', [other]))).rows).toMatchObject([
        { outcome: 'unknown' },
      ]);
    }
  });

  it('cannot be stored beside it', async () => {
    const thief = await stolenLogin(database, 'vault_ingest');
    const insert = (bytes: string) =>
      thief.query(
        `insert into vault.pii_vault (token, kind, ciphertext, data_key_id)
         values (decode('${bytes}', 'hex'), 'ip', '', gen_random_uuid())`,
      );
    await expect(insert('00'.repeat(19))).rejects.toThrow('pii_vault_token');
    await expect(insert('00'.repeat(21))).rejects.toThrow('pii_vault_token');
  });
});

describe('the login of vault_ingest', () => {
  it('cannot say itself when a value or a data key came, by which they end', async () => {
    const thief = await stolenLogin(database, 'vault_ingest');
    for (const insert of [
      `insert into vault.pii_vault (token, kind, ciphertext, data_key_id, created_at)
       values (decode(repeat('00', 20), 'hex'), 'ip', '', gen_random_uuid(), 'infinity')`,
      `insert into vault.data_keys (id, wrapped_key, kms_key_arn, created_at)
       values (gen_random_uuid(), '\\x01', 'arn', '2000-01-01')`,
    ]) {
      await expect(thief.query(insert), insert).rejects.toThrow('permission denied');
    }
    await expect(thief.query('begin; lock table vault.pii_vault')).rejects.toThrow(
      'permission denied',
    );
  });
});

const value = (n: number, key: string) =>
  `(decode(repeat('${n}', 40), 'hex'), 'ip', '\\x02', '${key}'::uuid)`;
const insert = (...values: string[]) =>
  `insert into vault.pii_vault (token, kind, ciphertext, data_key_id) values ${values.join(', ')}`;
const addKey = (id: string) =>
  `insert into vault.data_keys (id, wrapped_key, kms_key_arn) values ('${id}', '\\x01', 'arn')`;

describe('a value under a data key that is not there', () => {
  const nowhere = randomUUID();
  it('cannot be stored by the login of vault_ingest, so that a reveal would call it erased', async () => {
    const thief = await stolenLogin(database, 'vault_ingest');
    const there = randomUUID();
    await thief.query(addKey(there));
    for (const statement of [
      insert(value(1, nowhere)),
      insert(value(1, there), value(2, nowhere)),
      `with value as (${insert(value(1, nowhere))} returning 1) select from value`,
      `begin; savepoint s; ${addKey(nowhere)}; rollback to s; ${insert(value(1, nowhere))}; commit`,
      `copy vault.pii_vault (token, kind, ciphertext, data_key_id) from stdin`,
    ]) {
      const stored = statement.startsWith('copy')
        ? copyIn(thief, statement, `\\\\x${'01'.repeat(20)}\tip\t\\\\x02\t${nowhere}\n`)
        : thief.query(statement);
      await expect(stored, statement).rejects.toThrow('data key of a value is not there');
      await thief.query('rollback');
    }
    const both = `with key as (${addKey(nowhere)}) ${insert(value(1, nowhere), value(2, there))}`;
    expect((await thief.query(both)).rowCount).toBe(2);
  });

  it('is not made by the daily round, in whatever order they commit', async () => {
    const [held, gone] = [randomUUID(), randomUUID()];
    const thief = await stolenLogin(database, 'vault_ingest');
    await thief.query(addKey(held));
    await thief.query(addKey(gone));
    await database.admin.query(
      `update vault.data_keys set created_at = now() - interval '2 days' where id = any ($1)`,
      [[held, gone]],
    );
    const drop = 'select vault.drop_spent_keys()';
    await thief.query(`begin; ${insert(value(3, held))}`);
    const maintain = await stolenLogin(database, 'vault_maintain');
    await maintain.query(`begin; ${drop}`);
    await thief.query('commit');
    const late = `begin; ${insert(value(4, gone))}`;
    await expect(thief.query(late)).rejects.toThrow('data key of a value is not there');
    await maintain.query('commit');
    await thief.query('rollback');
    await expect(thief.query(late)).rejects.toThrow('data key of a value is not there');
    expect([await isThere(held), await isThere(gone)]).toEqual([true, false]);
  });

  it('is not made where the value is committed while the daily round has begun', async () => {
    const id = randomUUID();
    const thief = await stolenLogin(database, 'vault_ingest');
    await thief.query(addKey(id));
    await database.admin.query(
      `update vault.data_keys set created_at = now() - interval '2 days' where id = $1`,
      [id],
    );
    // the round has read that the key is spent when it waits here
    await database.admin.query(`
      create function public.wait_here(uuid) returns boolean language plpgsql as
        'begin perform pg_advisory_xact_lock(4711); return true; end'`);
    const { rows } = await database.admin.query<{ text: string }>(
      `select pg_get_functiondef('vault.drop_spent_keys'::regproc) as text`,
    );
    const slow = rows[0]!.text.replace(
      'FOR UPDATE SKIP',
      'AND public.wait_here(key.id) FOR UPDATE SKIP',
    );
    expect(slow).toContain('wait_here');
    await database.admin.query(slow);
    await whileHolding(database, 'select pg_advisory_xact_lock(4711)', async (release) => {
      const dropping = database.as('vault_maintain').query('select vault.drop_spent_keys()');
      await untilBlocked(database, 'vault_maintain');
      await thief.query(insert(value(5, id)));
      await release();
      await dropping;
    });
    expect(await isThere(id)).toBe(true);
    await database.admin.query(rows[0]!.text);
  });
});

describe('a data key', () => {
  const kms = createKmsDouble();
  const inUse = 'the vault holds values under this data key';
  let container: IngestDeps;
  let key: string;
  beforeEach(async () => {
    await database.admin.query('truncate vault.pii_vault; truncate vault.data_keys');
    container = ingestDeps(database, kms);
    await ingest([sqsRecord()], container);
    key = (await keys())[0]!.id;
  });

  it('cannot be deleted, renamed or truncated away by its owner while a value is under it', async () => {
    const owner = database.as('vault_migrator');
    for (const statement of [
      'delete from vault.data_keys',
      'update vault.data_keys set id = gen_random_uuid()',
      'truncate vault.data_keys',
      'set session_replication_role = replica; delete from vault.data_keys',
    ]) {
      const session = statement.startsWith('set') ? database.admin : owner;
      await expect(session.query(statement), statement).rejects.toThrow(inUse);
    }
    await expect(
      owner.query('begin isolation level repeatable read; delete from vault.data_keys; commit'),
    ).rejects.toThrow('read committed');
    await owner.query('rollback').catch(() => undefined);
    expect(await keys()).toEqual([{ id: key }]);
    await database.admin.query('truncate vault.pii_vault');
    expect((await owner.query('delete from vault.data_keys')).rowCount).toBe(1);
  });

  it('is kept where a value is being sealed under it when somebody deletes it', async () => {
    await database.admin.query('truncate vault.pii_vault');
    const record = sqsRecord();
    await whileHolding(
      database,
      `insert into vault.ingested_messages values ('${record.messageId}', current_date)`,
      async (release) => {
        const ingesting = ingest([record], container);
        await untilBlocked(database, 'vault_ingest');
        const deleting = database
          .as('vault_migrator')
          .query('delete from vault.data_keys')
          .then(
            () => 'deleted',
            (error: Error) => error.message,
          );
        await untilBlocked(database, 'vault_migrator');
        await release();
        expect(await ingesting).toEqual({ batchItemFailures: [] });
        expect(await deleting).toBe(inUse);
      },
    );
    expect(await keys()).toEqual([{ id: key }]);
  });

  it.each(['commit', 'rollback'])(
    'is there again where it is being deleted when a value is sealed under it, after a %s',
    async (end) => {
      await database.admin.query('truncate vault.pii_vault');
      const owner = await database.as('vault_migrator').connect();
      await owner.query('begin');
      await owner.query('delete from vault.data_keys');
      const message = loginMessage();
      const ingesting = ingest([sqsRecord(message)], container);
      await untilBlocked(database, 'vault_ingest');
      await owner.query(end);
      owner.release();
      expect(await ingesting).toEqual({ batchItemFailures: [] });
      expect(await keys()).toEqual([{ id: key }]);
      const token = (await container.tokenizer()).token('ip', String(message.ip));
      const { revealed } = await reveal(
        { tokens: [token], reason: 'is it still there' },
        { id: 'grace', source: 'claimed' },
        randomUUID(),
        revealDeps(database, kms),
      );
      expect(revealed).toHaveLength(1);
    },
  );
});
