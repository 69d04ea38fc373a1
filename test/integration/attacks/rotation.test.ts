import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { ingest } from '../../../lib/ingest/ingest.ts';
import { createSealingKeys } from '../../../lib/crypto/data-key.ts';
import { seal } from '../../../lib/crypto/seal.ts';
import { tokenBytes } from '../../../lib/crypto/token.ts';
import { reveal } from '../../../lib/requests/reveal.ts';
import { createKmsDouble, type KmsDouble } from '../../../scripts/local/kms-double.ts';
import { auditOutcomes, claim, endStolenLogins, stolenLogin } from '../../helpers/attacker.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { openTestRotation, switchRotation, type TestRotation } from '../../helpers/rotation.ts';
import { ingestDeps, revealDeps } from '../../helpers/vault.ts';

const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
let database: TestDatabase;
let kms: KmsDouble;
let rotation: TestRotation;
let thief: Client;
let eraser: Client;
let tokens: string[];
beforeEach(async () => {
  database = await createTestDatabase();
  kms = createKmsDouble();
  const container = ingestDeps(database, kms);
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
const begin = `select vault.begin_rotation(${who}, false, 'arn')`;
const beginAndAbort = async () => {
  await thief.query(begin);
  for (const swept of [false, true]) {
    await thief.query(`select vault.abort_rotation(${who}, ${swept})`);
  }
};
const reads = [
  'select * from vault.rotation_page(null, 100)',
  'select * from vault.rotation_rest(100)',
];

const insert = `vault.map_tokens($1::bytea[], $2::bytea[], array_fill('\\x00'::bytea, array[$3::integer]),
  array_fill(false, array[$3::integer]), gen_random_uuid(), '\\x01', 'arn')`;
const map = (former: readonly Buffer[], next: readonly Buffer[]) =>
  thief.query(`select ${insert}`, [former, next, former.length]);
const someBytes = (n: number) => Buffer.alloc(20, n);
const swap = (...columns: string[]) =>
  thief.query(`select vault.swap_tokens($1, ${who}) as counts`, [columns]);
const bytes = () => tokens.map((token) => Buffer.from(tokenBytes(token)));

/** Every row that a rotation changes. */
const everything = async () =>
  Promise.all(
    [
      'user_logins',
      'vault.pii_vault',
      'vault.tombstones',
      'vault.token_map',
      'vault.token_generation',
    ].map(
      async (table) =>
        (await database.admin.query(`select * from ${table} as t order by t::text`))
          .rows as unknown[],
    ),
  );

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

  it('fills the audit no further than by 20 rotations an hour', async () => {
    for (let n = 0; n < 20; n += 1) await beginAndAbort();
    await expect(beginAndAbort()).rejects.toThrow('too many in this hour: rotations begun');
    expect(await auditOutcomes(database)).toHaveLength(40);
    await database.admin.query(`update vault.usage set minute = minute - interval '62 minutes'`);
    await beginAndAbort();
  });

  it.each(['null', `''`, `repeat('x', 2049)`])('begins no rotation to the key %s', async (key) => {
    await expect(thief.query(`select vault.begin_rotation(${who}, false, ${key})`)).rejects.toThrow(
      /next token key is not given|rotation_next_key/,
    );
    expect(await auditOutcomes(database)).toEqual([]);
  });

  it('keeps the lock of the audit for no longer than a minute after others need it', async () => {
    const maintain = database.as('vault_maintain');
    const ended = async () =>
      (await maintain.query<{ n: number }>('select vault.end_stale_sessions() as n')).rows[0]?.n;
    await thief.query(`begin; ${begin}; select pg_advisory_unlock_all(); savepoint s`);
    await thief.query('rollback to savepoint s');
    expect(await ended()).toBe(0);
    // as if it had the lock since then: the note of the lock itself stays until the transaction ends
    const { rows } = await database.admin.query<{ key: string; isNow: boolean }>(
      `select (classid::bigint << 32) + objid::bigint - 65 as key, abs(extract(epoch from now()) - objid::bigint) < 30 as "isNow"
       from pg_locks where locktype = 'advisory' and classid = 'vault.audit_head'::regclass`,
    );
    expect(rows).toEqual([{ key: expect.any(String), isNow: true }]);
    await database.admin.query('grant execute on function pg_advisory_xact_lock(bigint) to public');
    await thief.query('select pg_advisory_xact_lock($1)', [rows[0]!.key]);
    expect(await ended()).toBe(1);
    await expect(thief.query('select 1')).rejects.toThrow();
  });

  it.each([
    ['is idle', 'select 1'],
    ['goes on in it', 'select pg_sleep(60)'],
  ])(
    'keeps erases waiting by a transaction after which it %s for no longer than a minute',
    async (_, next) => {
      await thief.query(begin);
      await thief.query('set idle_in_transaction_session_timeout = 0; begin');
      await map(bytes(), [1, 2, 3].map(someBytes));
      await expect(
        eraser.query(
          `select from vault.erase('r', 'iam', 'mallory', 'a reason of somebody', '{${tokens[0]}}')`,
        ),
      ).rejects.toThrow('lock timeout');
      const maintain = database.as('vault_maintain');
      const ended = async () =>
        (await maintain.query<{ n: number }>('select vault.end_stale_sessions() as n')).rows[0]?.n;
      expect(await ended()).toBe(0);
      // a minute passes
      const { rows } = await database.admin.query<{ text: string }>(
        `select replace(pg_get_functiondef('vault.end_stale_sessions'::regproc), '1 minute', '3 seconds') as text`,
      );
      await database.admin.query(rows[0]!.text);
      const going = thief.query(next).catch(() => undefined);
      expect(await ended()).toBe(1);
      await going;
      await eraser.query(
        `select from vault.erase('r', 'iam', 'mallory', 'a reason of somebody', '{${tokens[0]}}')`,
      );
      expect(await auditOutcomes(database)).toEqual(['begun', 'erased']);
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

/** Under which tokens the vault has this ciphertext. */
const copies = async (ciphertext: Buffer) =>
  (
    await database.admin.query<{ token: Buffer }>(
      'select token from vault.pii_vault where ciphertext = $1',
      [ciphertext],
    )
  ).rows.map(({ token }) => token);

/** The logins that the thief stored. */
const stored = async () =>
  (
    await database.admin.query<{ ip: string | null; device: string | null }>(
      `select masked_ip as ip, masked_device_id as device from user_logins where user_id = 'thief'
       order by masked_ip, masked_device_id`,
    )
  ).rows;

const otherKind = (token: string) => token.replace('ip_', 'device_id_');

describe('a value that is mapped again', () => {
  it('leaves no copy that an abort and an erase do not find', async () => {
    const [token] = bytes();
    const { rows } = await database.admin.query<{ ciphertext: Buffer; key: string }>(
      'select ciphertext, data_key_id as key from vault.pii_vault where token = $1',
      [token],
    );
    const [{ ciphertext, key }] = rows as [(typeof rows)[0]];
    await thief.query(begin);
    for (const n of [1, 2]) {
      await thief.query(
        `select vault.map_tokens(array[$1::bytea], array[$2::bytea], array[$3::bytea], array[$5::boolean], $4, '\\x01', 'arn')`,
        [token, someBytes(n), ciphertext, key, n === 2],
      );
      expect(await copies(ciphertext)).toHaveLength(2);
    }
    await rotation.abort();
    expect(await copies(ciphertext)).toEqual([token]);
    expect(await erased([tokens[0]!])).toEqual(['erased']);
    expect(await copies(ciphertext)).toEqual([]);
  });

  it('does not get the name of an erased one, which a new login can have', async () => {
    await erased([tokens[0]!]);
    await thief.query(begin);
    const [gone, another] = bytes();
    await expect(map([another!], [gone!])).rejects.toThrow('that of another value');
  });
});

describe('the login of vault_ingest, and the key that leaked', () => {
  let writer: Client;
  beforeEach(async () => {
    writer = await stolenLogin(database, 'vault_ingest');
  });
  const store = (column: string, ...values: string[]) =>
    writer.query(
      `insert into user_logins (user_id, ${column}) select 'thief', unnest($1::text[])`,
      [values],
    );
  const unheld = `ip_v1_${'A'.repeat(27)}`;

  it('keeps no rotation from its end by tokens of another kind or in another column', async () => {
    await store('masked_ip', otherKind(tokens[0]!), unheld, otherKind(unheld));
    await store('masked_device_id', otherKind(tokens[0]!), tokens[0]!, unheld);
    expect(await rotation.rotate()).toMatchObject({ isDone: true, swapped: { rewritten: 9 } });
    const rows = await stored();
    const inIp = rows.flatMap(({ ip }) => ip ?? []);
    const inDevice = rows.flatMap(({ device }) => device ?? []);
    for (const names of [inIp, inDevice]) expect(new Set(names).size).toBe(3);
    // none looks like that of a held value that it was not equal to before
    const honest = await database.admin.query<{ ip: string }>(
      `select masked_ip as ip from user_logins where user_id <> 'thief'`,
    );
    const real = new Set(honest.rows.map(({ ip }) => ip));
    expect([...inIp, ...inDevice].filter((name) => real.has(name))).toHaveLength(1);
    expect(await rotation.finish()).toMatchObject({ left: 0 });
  });

  it('takes no place of a value by the name that it gets', async () => {
    const parts = await rotation.deps();
    await parts.begin();
    await parts.mapPages();
    const { rows } = await writer.query<{ token: Buffer }>('select token from vault.pii_vault');
    const names = new Set(rows.map(({ token }) => `ip_v2_${token.toString('base64url')}`));
    await store('masked_ip', ...names, ...names);
    expect(await rotation.rotate()).toMatchObject({ isDone: true, swapped: { early: 12 } });
    const after = (await stored()).map(({ ip }) => ip);
    expect(new Set(after).size).toBe(6);
    expect(after.filter((name) => names.has(name!))).toEqual([]);
  });

  it('keeps no rotation from its end by former tokens that come after the swap', async () => {
    await store('masked_ip', `sha_v1_${'A'.repeat(27)}`);
    await rotation.rotate();
    await store('masked_ip', tokens[0]!, unheld);
    await writer.query(
      `with key as (select id from vault.data_keys limit 1)
       insert into vault.pii_vault (token, kind, ciphertext, data_key_id) select $1, 'ip', '\\x00', id from key`,
      [bytes()[0]],
    );
    expect(await rotation.finish()).toMatchObject({ left: 0, late: 2 });
    const { rows } = await database.admin.query(
      `select count(*)::integer as logins from user_logins group by masked_ip order by 1`,
    );
    expect(rows).toEqual([1, 1, 1, 1, 2].map((count) => ({ logins: count })));
  });

  it('keeps no rotation from its end by a lock', async () => {
    await writer.query('set idle_in_transaction_session_timeout = 0');
    await writer.query('begin; lock table user_logins in row exclusive mode');
    expect(await rotation.rotate()).toMatchObject({ isDone: true });
    await expect(writer.query('select 1')).rejects.toThrow();
  }, 60_000);

  it('stores no values while ingest is paused, but to have its sessions ended and itself named', async () => {
    const parts = await rotation.deps();
    const key = randomUUID();
    let sessions = 0;
    const mapRest = async () => {
      const mapped = await parts.mapRest();
      writer = await stolenLogin(database, 'vault_ingest');
      sessions += 1;
      await writer.query(
        `insert into vault.data_keys (id, wrapped_key, kms_key_arn) values ($1, '\\x01', 'arn') on conflict do nothing`,
        [key],
      );
      await writer.query(
        `insert into vault.pii_vault (token, kind, ciphertext, data_key_id) values ($1, 'ip', '\\x00', $2)`,
        [someBytes(sessions), key],
      );
      return mapped;
    };
    await expect(rotation.rotate({ mapRest })).rejects.toThrow(
      'somebody else uses the login vault_ingest',
    );
    await expect(writer.query('select 1')).rejects.toThrow();
    // one value more, which came in between, is no reason to stop
    let isLate = true;
    const late = async () => {
      const mapped = await parts.mapRest();
      if (isLate) await mapRest();
      isLate = false;
      return mapped;
    };
    expect(await rotation.rotate({ mapRest: late })).toMatchObject({ isDone: true });
  }, 60_000);

  it('with new data keys, hides no value behind another token of it', async () => {
    const { key, ...dataKey } = await createSealingKeys(kms).take(1);
    for (const bogus of [someBytes(0), someBytes(255)]) {
      const token = `ip_v1_${bogus.toString('base64url')}`;
      const ciphertext = seal(key, { kind: 'ip', token, dataKeyId: dataKey.id }, '192.0.2.1');
      await writer.query(
        'insert into vault.data_keys (id, wrapped_key, kms_key_arn) values ($1, $2, $3) on conflict do nothing',
        [dataKey.id, dataKey.wrapped, dataKey.kmsKeyArn],
      );
      await writer.query(
        `insert into vault.pii_vault (token, kind, ciphertext, data_key_id) values ($1, 'ip', $2, $3)`,
        [bogus, ciphertext, dataKey.id],
      );
    }
    expect(await rotation.rotate()).toMatchObject({ swapped: { mapped: 5, broken: 0 } });
    const { rows } = await database.admin.query<{ token: string }>(
      `select masked_ip as token from user_logins`,
    );
    const asked = { tokens: rows.map(({ token }) => token), reason: 'a reason of somebody' };
    const iam = { id: 'arn:aws:iam::123456789012:user/ada', source: 'iam' } as const;
    const deps = revealDeps(database, kms, 'vault_reveal_url');
    const { revealed } = await reveal(asked, iam, randomUUID(), deps);
    expect(revealed.map(({ value }) => value).toSorted()).toEqual(addresses);
  });
});

describe('a value whose data key is gone', () => {
  it('is carried as it is, since nobody can open it', async () => {
    await database.admin.query(
      `update vault.pii_vault set data_key_id = gen_random_uuid() where token = $1`,
      [bytes()[0]],
    );
    expect(await rotation.rotate()).toMatchObject({
      isDone: true,
      swapped: { mapped: 3, broken: 1 },
    });
    expect(await rotation.finish()).toMatchObject({ left: 0 });
    expect(await held()).toHaveLength(3);
  });
});

describe('a session that stays open', () => {
  it.each(['finish', 'abort'] as const)(
    'of an analyst keeps no rotation from its %s',
    async (end) => {
      const analyst = await stolenLogin(database, 'vault_analyst');
      if (end === 'finish') await rotation.rotate();
      else await rotation.begin();
      await analyst.query('begin');
      await analyst.query('select vault.current_token($1)', [tokens]);
      await analyst.query('lock table user_logins in access share mode');
      await rotation[end]();
      expect(await rotation.state()).toMatchObject({ phase: null, mapped: 0 });
    },
  );

  it('of somebody else is named where the swap waits for it', async () => {
    const blocker = await database.admin.connect();
    const { rows } = await blocker.query<{ pid: number }>('select pg_backend_pid() as pid');
    await blocker.query('begin; lock table user_logins in row exclusive mode');
    try {
      await expect(rotation.rotate()).rejects.toThrow(
        `user_logins is locked, so nothing was changed (by postgres, process ${rows[0]!.pid}`,
      );
    } finally {
      await blocker.query('rollback');
      blocker.release();
    }
    expect(await rotation.rotate()).toMatchObject({ isDone: true });
  }, 60_000);

  it('of vault_rotate keeps migrate from nothing where rotation is off', async () => {
    await thief.query(begin);
    await thief.query('set idle_in_transaction_session_timeout = 0');
    await thief.query('begin; select vault.pause_rotation(true)');
    await switchRotation(database, false);
    await expect(thief.query('select 1')).rejects.toThrow();
    await switchRotation(database, true);
    await rotation.abort();
  });
});

describe('the functions of a rotation', () => {
  it('give the login no table, whatever the phase', async () => {
    const { rows } = await database.admin.query<{ name: string }>(
      `select schemaname || '.' || tablename as name from pg_tables where schemaname in ('vault', 'public')`,
    );
    for (const reach of [
      () => Promise.resolve(),
      rotation.begin,
      rotation.rotate,
      rotation.finish,
    ] as (() => Promise<unknown>)[]) {
      await reach();
      for (const { name } of rows) {
        for (const verb of [`select from ${name}`, `delete from ${name}`, `truncate ${name}`]) {
          await expect(thief.query(verb), verb).rejects.toThrow('permission denied');
        }
      }
    }
  });

  it.each(reads)('show no sealed value outside of the mapping: %s', async (read) => {
    await rotation.rotate();
    await expect(thief.query(read)).rejects.toThrow('only while a rotation maps them');
    await rotation.finish();
    await expect(thief.query(read)).rejects.toThrow('only while a rotation maps them');
    await thief.query(begin);
    await thief.query(`select vault.abort_rotation(${who}, false)`);
    await expect(thief.query(read)).rejects.toThrow('only while a rotation maps them');
  });

  it('do nothing out of their order', async () => {
    const before = await everything();
    const end = `select vault.finish_rotation('{masked_ip}', ${who})`;
    const sweep = 'select vault.sweep_tokens(null, 100)';
    const takeBack = `select vault.abort_rotation(${who}, true)`;
    for (const call of [end, sweep, takeBack])
      await expect(thief.query(call), call).rejects.toThrow();
    await expect(map(bytes().slice(0, 1), [someBytes(1)])).rejects.toThrow('only while a rotation');
    expect((await swap('masked_ip', 'masked_device_id')).rows).toEqual([{ counts: null }]);
    await thief.query(begin);
    for (const call of [end, sweep]) await expect(thief.query(call), call).rejects.toThrow();
    expect(await everything()).toEqual(before);
  });

  it('swap nothing by half a map', async () => {
    await thief.query(begin);
    await map(bytes().slice(0, 2), [someBytes(1), someBytes(2)]);
    const before = await everything();
    expect((await swap('masked_ip', 'masked_device_id')).rows).toEqual([
      { counts: { unmapped: 1 } },
    ]);
    expect(await everything()).toEqual(before);
  });

  it('take no next name twice, of no wrong length, and none for a value that is not there', async () => {
    await thief.query(begin);
    const before = await everything();
    await expect(map(bytes().slice(0, 2), [someBytes(1), someBytes(1)])).rejects.toThrow('unique');
    await map(bytes().slice(0, 1), [someBytes(1)]);
    await expect(map(bytes().slice(1, 2), [someBytes(1)])).rejects.toThrow('that of another value');
    await expect(map(bytes().slice(1, 2), [Buffer.from([1])])).rejects.toThrow('check constraint');
    expect((await map([someBytes(3)], [someBytes(4)])).rows).toEqual([{ map_tokens: '0' }]);
    await rotation.abort();
    expect(await everything()).toEqual(before);
  });

  it.each([
    ['another column', ['user_id']],
    ['a column that is not there', ['masked_ip', 'none']],
    ['a column of the system', ['ctid']],
    ['SQL', [`masked_ip = '' from vault.pii_vault; drop table user_logins; --`]],
    ['one column twice', ['masked_ip', 'masked_ip']],
    ['only one of the columns', ['masked_ip']],
    ['no column', []],
    ['null', [null as unknown as string]],
  ])('rewrite nothing by a list of columns with %s', async (_, columns) => {
    await database.admin.query(`insert into user_logins (user_id, masked_ip) values ($1, $2)`, [
      tokens[0]!.replace('ip_', 'device_id_'),
      tokens[0],
    ]);
    await (await rotation.deps()).begin();
    await (await rotation.deps()).mapPages();
    const before = await everything();
    await expect(swap(...columns)).rejects.toThrow();
    expect(await everything()).toEqual(before);
    await rotation.rotate();
    for (const call of ['finish_rotation', 'former_tokens_left']) {
      const rest = call === 'finish_rotation' ? `, ${who}` : '';
      await expect(thief.query(`select vault.${call}($1${rest})`, [columns])).rejects.toThrow();
    }
    expect(await rotation.finish()).toMatchObject({ left: 0 });
  });

  it('are gone with the role once rotation is off, and a rotation begun is only taken back', async () => {
    await thief.query(begin);
    await (await rotation.deps()).mapPages();
    await switchRotation(database, false);
    await expect(thief.query('select vault.rotation_state()')).rejects.toThrow();
    await expect(stolenLogin(database, 'vault_rotate')).rejects.toThrow('authentication failed');
    const analyst = await stolenLogin(database, 'vault_analyst');
    await expect(analyst.query('select vault.current_token($1)', [tokens])).rejects.toThrow(
      'permission denied',
    );

    // the stack has another next key by now
    await switchRotation(database, true);
    expect(await rotation.state()).toMatchObject({ phase: 'aborting' });
    await rotation.abort();
    expect(await held()).toEqual(
      bytes()
        .map((token) => token.toString('hex'))
        .toSorted(),
    );
    expect(await rotation.rotate()).toMatchObject({ isDone: true });
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
