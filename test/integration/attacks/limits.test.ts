import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  auditOutcomes,
  claim,
  endStolenLogins,
  holdValues,
  stolenLogin,
  take,
} from '../../helpers/attacker.ts';
import { someToken } from '../../helpers/audit.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { setLimits } from '../../helpers/vault.ts';

let database: TestDatabase;
let tokens: string[];
beforeEach(async () => {
  database = await createTestDatabase();
  tokens = await holdValues(database, 50);
});
afterEach(async () => {
  await endStolenLogins();
  await database.drop();
});

async function count(outcome: string): Promise<number> {
  return (await auditOutcomes(database)).filter((each) => each === outcome).length;
}

describe('a cap of 20 an hour', () => {
  it('holds against 30 sessions at the same time', async () => {
    await setLimits(database, 'vault_reveal_url', 1_000, 20);
    const thieves = await Promise.all(
      Array.from({ length: 30 }, () => stolenLogin(database, 'vault_reveal_url')),
    );
    const values = await Promise.all(
      thieves.map(async (thief, n) => {
        await thief.query(claim(`r${n}`, [tokens[n]!], 'iam').replace('mallory', `caller ${n}`));
        const taken = await thief.query(take(`r${n}`)).catch(() => ({ rowCount: 0 }));
        return taken.rowCount ?? 0;
      }),
    );
    expect(values.reduce((sum, n) => sum + n, 0)).toBe(20);
    expect(await count('revealed')).toBe(20);
    expect(await count('denied')).toBe(10);
  });

  it('holds against callers that were invented, and who share none of it in the next request', async () => {
    await setLimits(database, 'vault_reveal_url', 5, 20);
    const thief = await stolenLogin(database, 'vault_reveal_url');
    for (const [n, token] of tokens.entries()) {
      await thief.query(
        claim(`r${n}`, [token], 'iam').replace('mallory', `arn:aws:iam::123456789012:user/u${n}`),
      );
    }
    expect(await count('revealed')).toBe(20);
    expect(await count('denied')).toBe(30);
  });

  it('is not passed by functions that the owner left with the names of ours', async () => {
    await setLimits(database, 'vault_reveal_url', 5);
    await database.as('vault_migrator').query(`
      create function vault.check_limits(role name, caller text, wanted integer,
        out exceeded text, out allowed integer, out remaining bigint, out retry_at timestamptz)
      language sql security definer as 'select null, 1000, 1000, null::timestamptz';
      create function vault.room_for(role text, caller text, allowed bigint, wanted integer,
        out remaining bigint, out retry_at timestamptz)
      language sql security definer as 'select 1000, null::timestamptz';
      create function vault.append_audit(action text, request_id text, source vault.principal_source,
        principal text, reason text, tokens text[], outcomes text[],
        out id bigint, out hash bytea, out at timestamptz)
      language sql security definer as 'select 1, null::bytea, now()';
    `);
    const thief = await stolenLogin(database, 'vault_reveal_url');
    for (const [n, token] of tokens.entries()) await thief.query(claim(`r${n}`, [token], 'iam'));
    expect(await count('revealed')).toBe(5);
    expect(await count('denied')).toBe(45);
  });

  it('is not evaded by names of sessions, nor by names that are only claimed', async () => {
    await setLimits(database, 'vault_reveal_url', 5);
    await setLimits(database, 'vault_reveal', 5);
    const url = await stolenLogin(database, 'vault_reveal_url');
    const direct = await stolenLogin(database, 'vault_reveal');
    for (const [n, token] of tokens.slice(0, 10).entries()) {
      const session = `arn:aws:sts::123456789012:assumed-role/role/session${n}`;
      await url.query(claim(`r${n}`, [token], 'iam').replace('mallory', session));
      await direct.query(claim(`r${n}`, [token]).replace('mallory', `caller ${n}`));
    }
    expect(await count('revealed')).toBe(10);
  });

  it('is not given back by an answer that was not taken, or by a repeated request', async () => {
    await setLimits(database, 'vault_reveal', 20);
    const thief = await stolenLogin(database, 'vault_reveal');
    for (const token of tokens) await thief.query(claim('r', [token]));
    expect(await count('revealed')).toBe(20);
  });

  it.each([
    ['vault_tokenize', 'look_up', 'held'],
    ['vault_erase', 'erase', 'erased'],
  ] as const)('holds for %s too', async (role, name, outcome) => {
    await setLimits(database, role, 1_000, 20);
    const thief = await stolenLogin(database, role);
    for (const [n, token] of tokens.entries()) {
      await thief.query(
        `select from vault.${name}('r', 'iam', 'caller ${n}', 'a reason of somebody', '{${token}}')`,
      );
    }
    expect(await count(outcome)).toBe(20);
  });

  it.each([
    ['no token', '{}'],
    ['101 tokens', `{${Array.from({ length: 101 }, (_, n) => `t${n}`).join(',')}}`],
    ['a token twice', '{a,a}'],
    ['a null', '{NULL}'],
    ['no list', null],
  ])('is asked for 1 to 100 different tokens, not for %s', async (_, list) => {
    const thief = await stolenLogin(database, 'vault_reveal');
    await expect(
      thief.query(
        `select from vault.claim_reveal('r', 'claimed', 'p', 'a reason of somebody', $1::text[])`,
        [list],
      ),
    ).rejects.toThrow('a request names 1 to 100 different tokens');
  });
});

describe('an audit that somebody wants to fill', () => {
  it('takes ten times what a caller may reveal, and a thousand, in refused tokens', async () => {
    await setLimits(database, 'vault_reveal_url', 10, 1_000);
    const thief = await stolenLogin(database, 'vault_reveal_url');
    let refused = 0;
    for (let n = 0; n < 20; n += 1) {
      const unknown = Array.from({ length: 100 }, (_, k) => someToken(1_000 + n * 100 + k));
      await thief.query(claim(`r${n}`, unknown, 'iam')).catch((error: { code: string }) => {
        expect(error.code).toBe('53400');
        refused += 1;
      });
    }
    expect(refused).toBe(9);
    expect(await count('denied')).toBe(1_100);
    // another caller is not held up
    await thief.query(
      claim('other', [tokens[0]!], 'iam').replace('mallory', 'arn:aws:iam::1:user/eve'),
    );
    expect(await count('revealed')).toBe(1);
  });

  it('takes ten times the cap, and a thousand, of callers that were invented', async () => {
    await setLimits(database, 'vault_tokenize', 10, 10);
    const thief = await stolenLogin(database, 'vault_tokenize');
    let refused = 0;
    for (let n = 0; n < 15; n += 1) {
      const unknown = Array.from({ length: 100 }, (_, k) => someToken(k));
      await thief
        .query(
          `select from vault.look_up('r${n}', 'iam', 'caller ${n}', 'a reason of somebody', $1)`,
          [unknown],
        )
        .catch(() => (refused += 1));
    }
    expect(refused).toBe(4);
  });
});
