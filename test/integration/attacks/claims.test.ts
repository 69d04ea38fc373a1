import type { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  auditOutcomes,
  claim,
  endStolenLogins,
  holdValues,
  stolenLogin,
  take,
} from '../../helpers/attacker.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
let thief: Client;
let tokens: string[];
beforeEach(async () => {
  database = await createTestDatabase();
  tokens = await holdValues(database, 2);
  thief = await stolenLogin(database, 'vault_reveal');
});
afterEach(async () => {
  await endStolenLogins();
  await database.drop();
});

const nothingToTake = 'there is no committed claim of this request';
const rowsOf = async (text: string, client = thief) => (await client.query(text)).rowCount;

describe('a value is handed out', () => {
  it('after a claim that has committed, and that the audit tells of', async () => {
    await thief.query(claim('r', tokens));
    expect(await rowsOf(take('r'))).toBe(2);
    expect(await auditOutcomes(database)).toEqual(['revealed', 'revealed']);
  });

  it('not without a claim', async () => {
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
  });

  it('not for tokens that were denied', async () => {
    await database.admin.query(`update vault.limits set overall = 1 where role = 'vault_reveal'`);
    await thief.query(claim('r', tokens));
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
    expect(await auditOutcomes(database)).toEqual(['denied', 'denied']);
  });

  it('once', async () => {
    await thief.query(claim('r', tokens));
    await thief.query(take('r'));
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
  });

  it('once, also to two sessions at the same time', async () => {
    await thief.query(claim('r', tokens));
    const accomplice = await stolenLogin(database, 'vault_reveal');
    const taken = await Promise.allSettled([thief.query(take('r')), accomplice.query(take('r'))]);
    expect(taken.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('once, also when the second waits for the first to end its transaction', async () => {
    await thief.query(claim('r', tokens));
    await thief.query('begin');
    await thief.query(take('r'));
    const accomplice = await stolenLogin(database, 'vault_reveal');
    const waiting = accomplice.query(take('r')).catch((error: Error) => error.message);
    await thief.query('commit');
    expect(await waiting).toContain(nothingToTake);
  });

  it('not after the minute', async () => {
    await thief.query(claim('r', tokens));
    await database.admin.query(`update vault.reveal_claims set expires_at = clock_timestamp()`);
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
  });

  it('not after an erase', async () => {
    await thief.query(claim('r', tokens));
    const officer = await stolenLogin(database, 'vault_erase');
    await officer.query(
      `select from vault.erase('e', 'iam', 'officer', 'asked by the person', $1)`,
      [[tokens[0]]],
    );
    expect((await thief.query(take('r'))).rows).toEqual([{ token: tokens[1] }]);
  });

  it('not to another role than the one that claimed it', async () => {
    const other = await stolenLogin(database, 'vault_reveal_url');
    await other.query(claim('r', tokens, 'iam'));
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
    expect(await rowsOf(take('r'), other)).toBe(2);
  });

  it('not as what a claim of other tokens under the same request was for', async () => {
    await thief.query(claim('r', [tokens[0]!]));
    await thief.query(claim('r', [tokens[1]!]));
    expect((await thief.query(take('r'))).rows).toEqual([{ token: tokens[1] }]);
  });
});

describe('a claim whose record could still go away hands out nothing', () => {
  // each ends in a state where the thief could roll back what the claim wrote
  const attempts: Record<string, string[]> = {
    'in one transaction': ['begin', claim('r', ['T']), take('r')],
    'in one statement': [
      `${claim('r', ['T'])} union all select token, null from vault.take_revealed('r')`,
    ],
    'in one message of several statements': [`${claim('r', ['T'])}; ${take('r')}`],
    'behind a savepoint': ['begin', 'savepoint s', claim('r', ['T']), 'release s', take('r')],
    'in a later savepoint': ['begin', claim('r', ['T']), 'savepoint s', take('r')],
    'in a DO block with exception blocks': [
      `do $$ declare taken integer; begin
         begin perform ${claim('r', ['T']).replace('select', '')}; exception when others then null; end;
         begin perform ${take('r').replace('select', '')}; get diagnostics taken = row_count; end;
         raise exception 'has % values', taken;
       end $$`,
    ],
    'through a cursor that outlives the transaction': [
      'begin',
      claim('r', ['T']),
      `declare kept cursor with hold for ${take('r')}`,
      'commit',
    ],
    'in a nested function call of an argument': [
      `select (select count(*) from vault.take_revealed(request)) from
         (select 'r' as request, (select count(*) from (${claim('r', ['T'])}) as c) as n offset 0) as x
         where n > 0`,
    ],
  };
  it.each(Object.entries(attempts))('%s', async (_, statements) => {
    const run = async () => {
      for (const text of statements) {
        await thief.query(text.replaceAll('{T}', `{${tokens.join(',')}}`));
      }
    };
    await expect(run()).rejects.toThrow(nothingToTake);
    await thief.query('rollback');
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
  });

  it('rolled back before', async () => {
    await thief.query(`begin; ${claim('r', tokens)}; rollback`);
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
    await thief.query(`begin; savepoint s; ${claim('r', tokens)}; rollback to s; commit`);
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
    expect(await auditOutcomes(database)).toEqual([]);
  });

  it('open in another session', async () => {
    const accomplice = await stolenLogin(database, 'vault_reveal');
    await accomplice.query(`begin; ${claim('r', tokens)}`);
    await expect(thief.query(take('r'))).rejects.toThrow(nothingToTake);
    await accomplice.query('rollback');
  });

  it('open in another session, on top of an older one that was committed and expired', async () => {
    await thief.query(claim('r', tokens));
    await database.admin.query(`update vault.reveal_claims set expires_at = clock_timestamp()`);
    const accomplice = await stolenLogin(database, 'vault_reveal');
    await accomplice.query(`begin; ${claim('r', tokens)}`);
    const waiting = thief.query(take('r')).catch((error: Error) => error.message);
    await accomplice.query('rollback');
    expect(await waiting).toContain(nothingToTake);
  });

  it('as its last act, in a deferred trigger of a temporary table', async () => {
    await database.admin.query(`grant temporary on database ${database.name} to vault_reveal`);
    const attempt = thief.query(`
      create temp table t (x integer);
      create function pg_temp.f() returns trigger language plpgsql as
        $$ begin perform ${take('r').replace('select', '')}; return null; end $$;
      create constraint trigger t after insert on t deferrable initially deferred
        for each row execute function pg_temp.f();
      begin; insert into t values (1); ${claim('r', tokens)}; commit`);
    await expect(attempt).rejects.toThrow(nothingToTake);
    expect(await auditOutcomes(database)).toEqual([]);
  });
});

describe('an old snapshot, which an erase has not reached,', () => {
  it.each(['repeatable read', 'serializable', 'read uncommitted'])(
    'is refused: %s',
    async (level) => {
      await thief.query(claim('r', tokens));
      await thief.query(`begin isolation level ${level}`);
      await expect(thief.query(take('r'))).rejects.toThrow('read committed transactions only');
      await thief.query(`rollback; begin isolation level ${level}`);
      await expect(thief.query(claim('r', tokens))).rejects.toThrow(
        'read committed transactions only',
      );
      await thief.query('rollback');
      await thief.query(`set default_transaction_isolation = '${level}'`);
      await expect(thief.query(take('r'))).rejects.toThrow('read committed transactions only');
    },
  );

  it('is refused when it is imported from another session', async () => {
    const accomplice = await stolenLogin(database, 'vault_reveal');
    await accomplice.query('begin isolation level repeatable read');
    const { rows } = await accomplice.query<{ id: string }>('select pg_export_snapshot() as id');
    await thief.query(claim('r', tokens));
    await thief.query('begin');
    await expect(thief.query(`set transaction snapshot '${rows[0]!.id}'`)).rejects.toThrow();
    await thief.query('rollback; begin isolation level repeatable read');
    await thief.query(`set transaction snapshot '${rows[0]!.id}'`);
    await expect(thief.query(take('r'))).rejects.toThrow('read committed transactions only');
  });
});

const fault = (request: string, named: readonly string[], outcome = 'withheld') =>
  `select from vault.report_fault('${request}', '{${named.join(',')}}',
       array_fill('${outcome}'::text, array[${named.length}]))`;

describe('a fault is reported', () => {
  const refused = 'a fault is reported once, of tokens that were taken under this request';

  it('once, after its values were taken', async () => {
    await thief.query(claim('r', tokens));
    await expect(thief.query(fault('r', tokens))).rejects.toThrow(refused);
    await thief.query(take('r'));
    await thief.query(fault('r', tokens));
    await expect(thief.query(fault('r', tokens))).rejects.toThrow(refused);
    expect(await auditOutcomes(database)).toEqual(['revealed', 'revealed', 'withheld', 'withheld']);
  });

  it('of its own tokens only, with an outcome that is a fault', async () => {
    await thief.query(claim('other', [tokens[1]!]));
    await thief.query(take('other'));
    await thief.query(claim('r', [tokens[0]!]));
    await thief.query(take('r'));
    await expect(thief.query(fault('r', tokens))).rejects.toThrow(refused);
    await expect(thief.query(fault('other', [tokens[0]!]))).rejects.toThrow(refused);
    for (const outcome of ['revealed', 'unknown', 'denied', 'held', 'erased', 'x']) {
      await expect(thief.query(fault('r', [tokens[0]!], outcome))).rejects.toThrow(refused);
    }
  });

  it('by the role that took them only', async () => {
    await thief.query(claim('r', tokens));
    await thief.query(take('r'));
    const other = await stolenLogin(database, 'vault_reveal_url');
    await expect(other.query(fault('r', tokens))).rejects.toThrow(refused);
  });
});
