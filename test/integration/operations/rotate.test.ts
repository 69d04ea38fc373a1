import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eraseValues, lookUp, presentGeneration } from '../../../db/audited-requests.ts';
import { currentTokens } from '../../../db/operations/rotation.ts';
import { createBatchWriter } from '../../../db/write-batch.ts';
import { createTokenizerSource } from '../../../lib/crypto/token.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { erase } from '../../../lib/requests/erase.ts';
import { reveal } from '../../../lib/requests/reveal.ts';
import { tokenize } from '../../../lib/requests/tokenize.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { approvalReason, approvalWorld, requireApproval, someone } from '../../helpers/approval.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import {
  nextKey,
  openTestRotation,
  switchRotation,
  type TestRotation,
} from '../../helpers/rotation.ts';
import { ingestDeps, revealDeps, silentLog, silentMetrics } from '../../helpers/vault.ts';

const iam = { id: 'arn:aws:iam::123456789012:user/ada', source: 'iam' } as const;
const reason = 'a test of rotation';

interface Login {
  user_id: string;
  masked_ip: string | null;
  masked_device_id: string | null;
}

const kms = createKmsDouble();
let database: TestDatabase;
let rotation: TestRotation;
let container: ReturnType<typeof ingestDeps>;

beforeAll(async () => {
  database = await createTestDatabase();
  container = ingestDeps(database, kms);
  rotation = await openTestRotation(database, kms);
});
afterAll(async () => {
  await switchRotation(database, false);
  await database.drop();
});

const send = async (...logins: Parameters<typeof loginMessage>[0][]) => {
  const { batchItemFailures } = await ingest(
    logins.map((login) => sqsRecord(loginMessage(login))),
    container,
  );
  expect(batchItemFailures).toEqual([]);
};
const logins = async () =>
  (await database.admin.query<Login>('select * from user_logins order by user_id')).rows;
const tokenOf = async (user: string) =>
  (await logins()).find(({ user_id }) => user_id === user)!.masked_ip!;
const eraser = () => ({
  erase: (...[context, tokens]: [Parameters<typeof eraseValues>[1], readonly string[]]) =>
    eraseValues(database.as('vault_erase'), context, tokens),
  log: silentLog,
  metrics: silentMetrics,
});
const eraseTokens = (...tokens: string[]) => erase({ tokens, reason }, iam, randomUUID(), eraser());
const revealTokens = (...tokens: string[]) =>
  reveal({ tokens, reason }, iam, randomUUID(), revealDeps(database, kms, 'vault_reveal_url'));

describe('rotating the token key', () => {
  it('replaces every token, and keeps which are equal', async () => {
    await send(
      { user_id: 'a', ip: '192.0.2.1', device_id: 'one' },
      { user_id: 'b', ip: '192.0.2.1', device_id: null },
      { user_id: 'c', ip: '192.0.2.3', device_id: 'one' },
      { user_id: 'erased', ip: '192.0.2.4', device_id: null },
    );
    await database.admin.query(
      `insert into user_logins (user_id, masked_ip, masked_device_id) values
       ('legacy', 'none', (select masked_device_id from user_logins where user_id = 'a')),
       ('unheld', $1, null), ('unheld too', $1, null), ('empty', null, null)`,
      [`ip_v1_${'A'.repeat(27)}`],
    );
    const gone = await tokenOf('erased');
    await eraseTokens(gone);
    const former = await logins();

    const { swapped, isDone } = await rotation.rotate();

    expect(isDone).toBe(true);
    expect(swapped).toMatchObject({
      from: 1,
      to: 2,
      mapped: 3,
      broken: 0,
      carried: 1,
      unheld: 1,
      rewritten: 7,
    });
    const present = await logins();
    const names = new Map<string | null, string | null>();
    for (const [index, login] of former.entries()) {
      for (const column of ['masked_ip', 'masked_device_id'] as const) {
        const [before, after] = [login[column], present[index]![column]];
        expect(names.get(before) ?? after).toBe(after);
        names.set(before, after);
        if (before === null || before === 'none') expect(after).toBe(before);
        else expect(after).toMatch(before.startsWith('ip') ? /^ip_v2_/ : /^device_id_v2_/);
      }
    }
    expect(new Set(names.values()).size).toBe(names.size);
    expect(await revealTokens(await tokenOf('c'))).toMatchObject({
      revealed: [{ value: '192.0.2.3' }],
    });
    expect(await revealTokens(await tokenOf('erased'))).toMatchObject({
      missing: [{ why: 'erased' }],
    });
    expect(await revealTokens(await tokenOf('unheld'))).toMatchObject({
      missing: [{ why: 'unknown' }],
    });
  });

  it('lets a container of before store and look up under the next key', async () => {
    const token = await tokenOf('a');
    await send({ user_id: 'd', ip: '192.0.2.1', device_id: null });
    expect(await tokenOf('d')).toBe(token);
    // what was erased has a name that nobody can make again
    await send({ user_id: 'e', ip: '192.0.2.4', device_id: null });
    expect(await tokenOf('e')).not.toBe(await tokenOf('erased'));

    const pool = database.as('vault_tokenize');
    const finder = {
      tokenizer: createTokenizerSource(kms),
      lookUp: (...[context, tokens]: [Parameters<typeof lookUp>[1], readonly string[]]) =>
        lookUp(pool, context, tokens),
      generation: () => presentGeneration(pool),
      log: silentLog,
      metrics: silentMetrics,
    };
    const asked = { kind: 'ip', values: ['192.0.2.1'], reason } as const;
    const found = await tokenize(
      { ...asked, values: [...asked.values] },
      iam,
      randomUUID(),
      finder,
    );
    expect(found.tokens).toEqual([{ token, held: true }]);
  });

  it('accepts former tokens until it is finished, and says their present names', async () => {
    const tokenizer = await createTokenizerSource(kms)(1);
    const old = tokenizer.token('ip', '192.0.2.3');
    const present = await tokenOf('c');
    const analyst = database.as('vault_analyst');
    expect(
      await currentTokens(analyst, [old, present, `ip_v1_${'B'.repeat(26)}A`, 'none']),
    ).toEqual([present, present, null, null]);
    const answer = await revealTokens(old, present);
    expect(answer.revealed).toEqual([
      { token: old, kind: 'ip', value: '192.0.2.3' },
      { token: present, kind: 'ip', value: '192.0.2.3' },
    ]);
    expect(answer.renamed).toEqual([{ token: old, currentToken: present }]);
    const certificate = await eraseTokens(old);
    expect(certificate).toMatchObject({
      erased: [old],
      renamed: [{ token: old, currentToken: present }],
    });
    expect(await revealTokens(old)).toMatchObject({ missing: [{ token: old, why: 'erased' }] });

    expect(await rotation.finish()).toMatchObject({ from: 1, to: 2, left: 0 });

    expect(await currentTokens(analyst, [old, present])).toEqual([null, present]);
    expect(await revealTokens(old)).toMatchObject({ missing: [{ token: old, why: 'unknown' }] });
    expect(await revealTokens(present)).toMatchObject({ missing: [{ why: 'erased' }] });
    const { rows } = await database.admin.query<{ outcome: string; detail: string }>(
      `select outcome, detail from vault.reveal_audit where action = 'rotate' order by id`,
    );
    expect(rows.map(({ outcome }) => outcome)).toEqual(['begun', 'swapped', 'finished']);
    expect(JSON.parse(rows[1]!.detail)).toMatchObject({ mapped: 3, rewritten: 7 });
  });
});

describe('a table of a team’s own', () => {
  it('keeps what is not a token, in every partition, and a token in the other column its name', async () => {
    const own = await createTestDatabase();
    await own.admin.query(`
      alter table user_logins rename to former_logins;
      create table user_logins (like former_logins) partition by range (create_date);
      create table logins_2025 partition of user_logins for values from (minvalue) to ('2026-01-01');
      create table logins_2026 partition of user_logins default;
      alter table user_logins owner to vault_migrator;
      -- the other one is read and written only through user_logins
      alter table logins_2025 owner to vault_migrator;
      grant select, insert on user_logins to vault_ingest`);
    try {
      const team = await openTestRotation(own, kms);
      const store = ingestDeps(own, kms);
      await ingest([sqsRecord(loginMessage({ ip: '192.0.2.9', device_id: 'nine' }))], store);
      const former = `(select masked_ip from user_logins where user_id = 'user-1')`;
      await own.admin.query(`update user_logins set user_id = 'user-1'`);
      await own.admin.query(`
        insert into user_logins (user_id, masked_ip, masked_device_id, create_date) values
        ('empty', ${former}, '', '2025-05-05'), ('text', ${former}, 'none', '2025-05-05'),
        ('null', ${former}, null, '2025-05-05'), ('other', '', ${former}, '2026-05-05'),
        ('unheld', 'ip_v1_${'A'.repeat(27)}', 'device_id_v1_${'E'.repeat(26)}A', '2026-05-05'),
        ('nothing', '', '', '2026-05-05'), ('nulls', null, null, '2025-05-05')`);

      const { swapped } = await team.rotate();

      expect(swapped).toMatchObject({ mapped: 2, unheld: 2, rewritten: 6 });
      const { rows } = await own.admin.query<Login>('select * from user_logins order by user_id');
      const tokenizer = await createTokenizerSource(kms)(2);
      const token = tokenizer.token('ip', '192.0.2.9');
      const shown = rows.map((row) => [row.user_id, row.masked_ip, row.masked_device_id]);
      expect(shown.slice(0, 6)).toEqual([
        ['empty', token, ''],
        ['nothing', '', ''],
        ['null', token, null],
        ['nulls', null, null],
        ['other', '', token],
        ['text', token, 'none'],
      ]);
      expect(shown[6]).toEqual([
        'unheld',
        expect.stringMatching(/^ip_v2_/),
        expect.stringMatching(/^device_id_v2_/),
      ]);
      expect(shown[7]).toEqual(['user-1', token, tokenizer.token('device_id', 'nine')]);
      await team.finish();
    } finally {
      await own.drop();
    }
  });
});

describe('in one request, a former token and its present name', () => {
  const ip = '203.0.113.77';
  const both = async () => {
    const { generation } = await rotation.state();
    const keys = createTokenizerSource(kms);
    const [former, present] = [await keys(generation - 1), await keys(generation)];
    return [former.token('ip', ip), present.token('ip', ip)] as const;
  };

  it('are revealed both, and erased both, each with an answer of its own', async () => {
    await send({ user_id: 'both', ip, device_id: null });
    await rotation.rotate();
    const [former, present] = await both();
    const renamed = [{ token: former, currentToken: present }];
    expect(await revealTokens(former, present)).toMatchObject({
      revealed: [
        { token: former, value: ip },
        { token: present, value: ip },
      ],
      renamed,
    });
    expect(await eraseTokens(present, former)).toMatchObject({
      erased: [present, former],
      missing: [],
      renamed,
    });
    expect(await revealTokens(former, present)).toMatchObject({
      missing: [
        { token: former, why: 'erased' },
        { token: present, why: 'erased' },
      ],
    });
    await rotation.finish();
  });
});

describe('an approval from before the tokens were replaced', () => {
  it('reveals the values under their present names, once, and nothing else', async () => {
    const world = approvalWorld(database);
    const [ada, olga] = [someone.user('ada'), someone.user('olga')];
    const ip = '203.0.113.78';
    await send({ user_id: 'approved', ip, device_id: null });
    const former = await tokenOf('approved');
    await requireApproval(database, 1);
    const made = await world.request(ada, [former]);
    await rotation.rotate();
    const present = await tokenOf('approved');
    expect(await world.decide(olga, made)).toMatchObject({ problem: null });

    const approval = made.id;
    const asked = { tokens: [present], reason: approvalReason, approval };
    const deps = revealDeps(database, kms, 'vault_reveal_url');
    // what was approved are the tokens as they were asked for
    await expect(reveal(asked, ada, randomUUID(), deps)).rejects.toMatchObject({
      problem: 'different',
    });
    expect(await reveal({ ...asked, tokens: [former] }, ada, randomUUID(), deps)).toMatchObject({
      revealed: [{ token: former, value: ip }],
      renamed: [{ token: former, currentToken: present }],
    });
    await expect(
      reveal({ ...asked, tokens: [former] }, ada, randomUUID(), deps),
    ).rejects.toMatchObject({ problem: 'used' });

    // one that is used only after the grace reveals nothing, and says so
    const late = await world.request(ada, [present]);
    await world.decide(olga, late);
    await rotation.finish();
    await rotation.rotate();
    await rotation.finish();
    expect(await reveal({ ...asked, approval: late.id }, ada, randomUUID(), deps)).toMatchObject({
      revealed: [],
      missing: [{ token: present, why: 'unknown' }],
    });
    await requireApproval(database, null);
  }, 60_000);
});

const other = 'arn:aws:kms:eu-central-1:000000000000:key/another';
const killed = () => Promise.reject(new Error('killed'));

describe('a rotation under way', () => {
  it('shows no reader a mix, loses nothing, and lets erase, reveal and redelivery go on', async () => {
    const { generation } = await rotation.state();
    const query = `
      select count(*) filter (where strpos(masked_ip, '_v${generation}_') > 0)::integer as former,
        count(*) filter (where strpos(masked_ip, '_v${generation + 1}_') > 0)::integer as next`;
    await database.admin.query(`
      create view logins_of_team as select * from user_logins;
      grant select on logins_of_team to vault_analyst`);
    await send(
      ...Array.from({ length: 50 }, (_, n) => ({ user_id: `r${n}`, ip: `198.51.100.${n}` })),
    );
    const mixes: unknown[] = [];
    const now = { isOver: false, isPaused: false };
    const reader = async (source: string) => {
      const pool = database.as('vault_analyst');
      while (!now.isOver) {
        const { rows } = await pool.query<{ former: number; next: number }>(
          `${query} from ${source}`,
        );
        if (rows[0]!.former > 0 && rows[0]!.next > 0) mixes.push(rows[0]);
      }
    };
    let sent = 0;
    const messages: ReturnType<typeof sqsRecord>[] = [];
    const writer = async () => {
      while (!now.isOver) {
        if (now.isPaused) await sleep(5);
        else await deliver();
      }
    };
    const deliver = async () => {
      const batch = Array.from({ length: 10 }, () => sqsRecord(loginMessage({ user_id: 'w' })));
      const { batchItemFailures } = await ingest(batch, container);
      expect(batchItemFailures).toEqual([]);
      messages.push(...batch);
      sent += batch.length;
    };
    const disturb = async (phase: string) => {
      const at = `198.51.100.${['mapped', 'paused', 'swapped', 'swept'].indexOf(phase)}`;
      const token = await tokenOf(`r${at.split('.')[3]}`);
      expect(await revealTokens(token), phase).toMatchObject({ revealed: [{ value: at }] });
      expect(await eraseTokens(token), phase).toMatchObject({ missing: [] });
      expect(await revealTokens(token), phase).toMatchObject({ missing: [{ why: 'erased' }] });
      // a message that is delivered again changes nothing, also after its value was erased
      await ingest([messages[0] ?? sqsRecord()], container);
    };
    const work = [reader('user_logins'), reader('logins_of_team'), writer()];
    const snapshot = await database.admin.connect();
    await snapshot.query('begin isolation level repeatable read');
    const before = (await snapshot.query(`${query} from user_logins`)).rows;

    const parts = await rotation.deps();
    const rotated = rotation.rotate({
      mapPages: async () => {
        await parts.mapPages();
        await disturb('mapped');
      },
      pause: async () => {
        await parts.pause();
        now.isPaused = true;
        await disturb('paused');
      },
      swap: async () => {
        // a batch that was under way: it comes before the swap, or names the next generation
        const [swapped] = await Promise.all([parts.swap(), deliver()]);
        if (swapped !== null && !('unmapped' in swapped)) await disturb('swapped');
        return swapped;
      },
      resume: async () => {
        await parts.resume();
        now.isPaused = false;
      },
      sweep: async () => {
        await parts.sweep();
        await disturb('swept');
      },
    });
    const { isDone } = await rotated.finally(() => (now.isOver = true));
    await Promise.all(work);

    expect(isDone).toBe(true);
    expect(mixes).toEqual([]);
    expect((await snapshot.query(`${query} from user_logins`)).rows).toEqual(before);
    await snapshot.query('rollback');
    snapshot.release();
    const { rows } = await database.admin.query<{ count: number }>(
      `select count(*)::integer as count from user_logins where user_id = 'w'`,
    );
    expect(rows[0]!.count).toBe(sent);
    expect((await database.admin.query(`${query} from user_logins`)).rows[0]).toMatchObject({
      former: 0,
    });
    for (const n of [0, 1, 2, 3]) {
      expect(await revealTokens(await tokenOf(`r${n}`))).toMatchObject({
        missing: [{ why: 'erased' }],
      });
    }
    expect(await revealTokens(await tokenOf('r7'))).toMatchObject({
      revealed: [{ value: '198.51.100.7' }],
    });
    await rotation.finish();
  }, 60_000);

  it('goes on after an end at any point, and what was not swapped can be taken back', async () => {
    const before = await logins();
    for (const part of ['mapPages', 'mapRest', 'pause', 'swap'] as const) {
      await expect(rotation.rotate({ [part]: killed })).rejects.toThrow('killed');
      expect(await logins()).toEqual(before);
    }
    await rotation.abort();
    expect(await rotation.state()).toMatchObject({ phase: null, mapped: 0 });
    expect(await revealTokens(await tokenOf('r7'))).toMatchObject({
      revealed: [{ value: '198.51.100.7' }],
    });

    // a backend that ends within the swap has swapped nothing
    const blocker = await database.admin.connect();
    await blocker.query('begin; lock table user_logins in row exclusive mode');
    const swapping = rotation.rotate();
    swapping.catch(() => undefined);
    await expect
      .poll(async () => {
        const { rows } = await database.admin.query<{ pid: number }>(
          `select pid from pg_stat_activity where usename = 'vault_rotate' and wait_event_type = 'Lock'
           and datname = current_database()`,
        );
        return rows.length;
      })
      .toBe(1);
    await database.admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where usename = 'vault_rotate' and wait_event_type = 'Lock' and datname = current_database()`,
    );
    await expect(swapping).rejects.toThrow();
    await blocker.query('rollback');
    blocker.release();
    expect(await logins()).toEqual(before);

    await expect(rotation.rotate({ sweep: killed })).rejects.toThrow('killed');
    await expect(rotation.finish()).rejects.toThrow('55000');
    await expect(rotation.abort()).rejects.toThrow('55000');
    expect(await rotation.rotate()).toMatchObject({ isDone: true, swapped: null });
    expect(await revealTokens(await tokenOf('r7'))).toMatchObject({
      revealed: [{ value: '198.51.100.7' }],
    });
  }, 60_000);

  it('goes on under the key that it was begun under, and under no other', async () => {
    await rotation.finish();
    const { generation } = await rotation.state();
    const count = 'select count(*)::integer as count from vault.pii_vault';
    const held = async () => (await database.admin.query<{ count: number }>(count)).rows[0]!.count;
    const before = await held();
    await rotation.begin();
    const parts = await rotation.deps({ nextKey: other });
    await expect(rotation.rotate({ nextKey: other })).rejects.toThrow(
      `begun under the token key ${nextKey}, and ${other} is deployed`,
    );
    expect(await rotation.state()).toMatchObject({ phase: 'mapping', nextKey, mapped: 0 });
    expect(await held()).toBe(before);
    // migrate says so, of either stage
    const found = async (key: string) =>
      switchRotation(database, true, new Map([[generation + 1, key]]));
    expect(await found(other)).toContainEqual(
      expect.stringContaining(`are of the token key ${nextKey}, and the stage has ${other}`),
    );
    expect(await found(nextKey)).toEqual(await switchRotation(database, true));

    // nor does it when ingest was paused by an earlier run
    await expect(rotation.rotate({ swap: killed, resume: killed })).rejects.toThrow('killed');
    const mapped = await held();
    await expect(rotation.rotate({ nextKey: other })).rejects.toThrow(other);
    expect(await held()).toBe(mapped);
    expect(mapped).toBeGreaterThan(before);

    await rotation.abort();
    expect(await held()).toBe(before);
    await parts.begin();
    expect(await rotation.state()).toMatchObject({ phase: 'mapping', nextKey: other });
    expect(await rotation.rotate({ nextKey: other })).toMatchObject({ isDone: true });
    expect(await rotation.state()).toMatchObject({ phase: 'swapped', key: other });
    const { rows } = await database.admin.query<{ key: string }>(
      `select detail::json ->> 'nextKey' as key from vault.reveal_audit where outcome = 'begun' order by id desc limit 2`,
    );
    expect(rows).toEqual([{ key: other }, { key: nextKey }]);
  });

  it('is taken back if it was begun before its key was noted', async () => {
    await rotation.finish();
    await rotation.begin();
    await database.admin.query('update vault.rotation set next_key = null');
    await expect(rotation.rotate()).rejects.toThrow('release 0.3.0 did not note');
    expect(await rotation.state()).toMatchObject({ phase: 'mapping', nextKey: null, mapped: 0 });
    await rotation.abort();
    expect(await rotation.rotate()).toMatchObject({ isDone: true });
  });

  it('is followed by logins under its key, and by none under another', async () => {
    const { generation, key } = await rotation.state();
    expect(key).toBe(nextKey);
    const pool = database.as('vault_ingest');
    const under = (arn: string) => createBatchWriter(pool, new Map([[generation, arn]]));
    const login = loginMessage({ user_id: 'under another key', ip: '198.51.100.7' });
    for (const write of [under(other), container.write]) {
      const stored = ingest([sqsRecord(login)], { ...container, write });
      if (write === container.write) await stored;
      else await expect(stored).rejects.toThrow(`another key of generation ${generation}`);
      const { rows } = await database.admin.query(
        `select from user_logins where user_id = 'under another key'`,
      );
      expect(rows).toHaveLength(write === container.write ? 1 : 0);
    }
    await expect(
      ingest([sqsRecord(login)], { ...container, write: under(nextKey) }),
    ).resolves.toEqual({ batchItemFailures: [] });
    // also after the rotation is finished, which forgets its next key
    await rotation.finish();
    expect(await switchRotation(database, true, new Map([[generation, other]]))).toContainEqual(
      expect.stringContaining(`are of the token key ${nextKey}, and the stage has ${other}`),
    );
    await expect(ingest([sqsRecord(login)], { ...container, write: under(other) })).rejects.toThrow(
      `another key of generation ${generation}`,
    );
    // the way out: it opens values, and needs no key of theirs
    await rotation.rotate();
    const keys = new Map([
      [generation, other],
      [generation + 1, nextKey],
    ]);
    const late = sqsRecord(loginMessage({ user_id: 'under the next', ip: '198.51.100.7' }));
    await ingest([late], { ...container, write: createBatchWriter(pool, keys) });
    expect(await tokenOf('under the next')).toBe(await tokenOf('r7'));
  });

  it('leaves nothing, apart from the audit, that the former key and a dump could name', async () => {
    const { generation } = await rotation.state();
    const addresses = Array.from({ length: 10_000 }, (_, n) => `10.9.${n >> 8}.${n & 255}`);
    const fresh = (n: number) => ({ user_id: 'known', ip: addresses[n]!, device_id: null });
    for (let start = 0; start < addresses.length; start += 1000) {
      await send(...Array.from({ length: 1000 }, (_, n) => fresh(start + n)));
    }
    await rotation.finish();
    // whoever has the key of a generation can make its tokens
    const named = async (of: number) => {
      const tokenizer = await createTokenizerSource(kms)(of);
      const tables = await database.admin.query<{ text: string }>(`
        select masked_ip as text from user_logins union all select masked_device_id from user_logins
        union all select encode(token, 'hex') from vault.pii_vault
        union all select encode(token, 'hex') from vault.tombstones
        union all select encode(token, 'hex') from vault.token_map
        union all select encode(new_token, 'hex') from vault.token_map`);
      const dump = new Set(tables.rows.map(({ text }) => text));
      return addresses.filter((address) => {
        const token = tokenizer.token('ip', address);
        return (
          dump.has(token) || dump.has(Buffer.from(token.slice(-27), 'base64url').toString('hex'))
        );
      }).length;
    };
    expect(await named(generation)).toBe(10_000);

    await rotation.rotate();
    await rotation.finish();

    expect(await named(generation)).toBe(0);
    expect(await named(generation + 1)).toBe(10_000);
  }, 60_000);
});
