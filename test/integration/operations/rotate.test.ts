import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eraseValues, lookUp, presentGeneration } from '../../../db/audited-requests.ts';
import { currentTokens } from '../../../db/operations/rotation.ts';
import { createTokenizerSource } from '../../../lib/crypto/token.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { erase } from '../../../lib/requests/erase.ts';
import { reveal } from '../../../lib/requests/reveal.ts';
import { tokenize } from '../../../lib/requests/tokenize.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { openTestRotation, switchRotation, type TestRotation } from '../../helpers/rotation.ts';
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
