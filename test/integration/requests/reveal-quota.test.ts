import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { QuotaExceeded } from '../../../lib/errors.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import type { Principal } from '../../../lib/audit/entry.ts';
import { reveal, type RevealDeps } from '../../../lib/requests/reveal.ts';
import { someToken } from '../../helpers/audit.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { ingestDeps, revealDeps, setLimits } from '../../helpers/vault.ts';

const kms = createKmsDouble();
const session = (role: string, name: string): Principal => ({
  id: `arn:aws:sts::123456789012:assumed-role/${role}/${name}`,
  source: 'iam',
});
const user = (name: string): Principal => ({
  id: `arn:aws:iam::123456789012:user/${name}`,
  source: 'iam',
});
const claimed = (id: string): Principal => ({ id, source: 'claimed' });
const jane = session('Support', 'jane');

let database: TestDatabase;
let deps: Record<Principal['source'], RevealDeps>;
let tokens: string[];
beforeEach(async () => {
  // a quota counts every row of the audit, so each test has one of its own
  database = await createTestDatabase();
  deps = {
    claimed: revealDeps(database, kms, 'vault_reveal'),
    iam: revealDeps(database, kms, 'vault_reveal_url'),
  };
  await setLimits(database, 'vault_reveal', 3);
  await setLimits(database, 'vault_reveal_url', 3);
  const records = Array.from({ length: 4 }, () => sqsRecord(loginMessage({ device_id: null })));
  await ingest(records, ingestDeps(database, kms));
  const { rows } = await database.admin.query<{ masked_ip: string }>(
    'select masked_ip from user_logins',
  );
  tokens = rows.map(({ masked_ip }) => masked_ip);
});
afterEach(() => database.drop());

const ask = (count: number, principal: Principal, asked = tokens) =>
  reveal(
    { tokens: asked.slice(0, count), reason: 'ticket 4711: fraud' },
    principal,
    randomUUID(),
    deps[principal.source],
  );

async function refusal(work: Promise<unknown>): Promise<QuotaExceeded> {
  const error: unknown = await work.then(
    () => expect.fail('it was allowed'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(QuotaExceeded);
  return error as QuotaExceeded;
}

async function outcomes(): Promise<Record<string, number>> {
  const { rows } = await database.admin.query<{ outcome: string; count: number }>(
    'select outcome, count(*)::integer as count from vault.reveal_audit group by outcome',
  );
  return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]));
}

/** Moves what was used so far into the past, or with a negative number into the future. */
async function age(minutes: number): Promise<void> {
  await database.admin.query('update vault.usage set minute = minute - make_interval(mins => $1)', [
    minutes,
  ]);
}

/** When what was used last stops to count, moved by so many minutes. */
async function endOfUse(minutes = 0): Promise<string> {
  const { rows } = await database.admin.query<{ at: Date }>(
    `select max(minute) + make_interval(mins => 61 + $1) as at from vault.usage`,
    [minutes],
  );
  return rows[0]!.at.toISOString();
}

describe('the quota', () => {
  it('is not exceeded by fifty reveals at once, each from a container of its own', async () => {
    await setLimits(database, 'vault_reveal_url', 20);
    const containers = Array.from({ length: 50 }, () =>
      revealDeps(database, kms, 'vault_reveal_url'),
    );
    const answers = await Promise.allSettled(
      containers.map((container, index) =>
        reveal(
          { tokens: [tokens[index % 4]!], reason: 'ticket 4711: fraud' },
          session('Support', `jane-${index}`),
          randomUUID(),
          container,
        ),
      ),
    );
    const revealed = answers.filter(({ status }) => status === 'fulfilled');
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(revealed).toHaveLength(20);
    expect(refused).toHaveLength(30);
    for (const { reason } of refused as { reason: QuotaExceeded }[]) {
      expect(reason).toBeInstanceOf(QuotaExceeded);
      expect(reason.retryAt).toMatch(/^\d{4}-\d\d-\d\dT/);
    }
    expect(await outcomes()).toEqual({ revealed: 20, denied: 30 });
  });

  it('refuses the whole request, records it, and says when there is room for it', async () => {
    await ask(1, jane);
    await age(30);
    await ask(1, jane);
    await age(10);
    await ask(1, jane);
    // as the minutes pass, there is room for one, for two, for three
    expect((await refusal(ask(1, jane))).retryAt).toBe(await endOfUse(-40));
    expect((await refusal(ask(2, jane))).retryAt).toBe(await endOfUse(-10));
    expect((await refusal(ask(3, jane))).retryAt).toBe(await endOfUse());
    expect(await outcomes()).toEqual({ revealed: 3, denied: 6 });
  });

  it('says that a request larger than itself never fits', async () => {
    expect((await refusal(ask(4, jane))).retryAt).toBeNull();
    expect(await outcomes()).toEqual({ denied: 4 });
    expect((await ask(3, jane)).revealed).toHaveLength(3);
  });

  it('is free again an hour later', async () => {
    await ask(3, jane);
    await refusal(ask(1, jane));
    await age(61);
    expect((await ask(3, jane)).revealed).toHaveLength(3);
    await refusal(ask(1, jane));
  });

  it('is one for all sessions of a role', async () => {
    await ask(2, jane);
    await ask(1, session('Support', 'john'));
    await refusal(ask(1, session('Support', 'jane')));
    await refusal(ask(1, session('Support', '1'.repeat(64))));
  });

  it.each([
    ['another role', session('Fraud', 'jane')],
    ['a role whose name begins alike', session('Support2', 'jane')],
    [
      'the role of that name in another account',
      { id: 'arn:aws:sts::999999999999:assumed-role/Support/jane', source: 'iam' },
    ],
    ['a user', { id: 'arn:aws:iam::123456789012:user/Support/jane', source: 'iam' }],
    ['one who only claims to be the same', { id: jane.id, source: 'claimed' }],
  ] as [string, Principal][])('of one role leaves alone that of %s', async (_what, other) => {
    await ask(3, jane);
    await refusal(ask(1, jane));
    expect((await ask(3, other)).revealed).toHaveLength(3);
  });

  it('keeps users apart', async () => {
    await ask(3, user('jane'));
    await refusal(ask(1, user('jane')));
    expect((await ask(3, user('john'))).revealed).toHaveLength(3);
  });

  it('is one for all who only claim a name', async () => {
    await ask(2, claimed('jane'));
    await ask(1, claimed('john'));
    await refusal(ask(1, claimed('anyone')));
    expect((await ask(3, jane)).revealed).toHaveLength(3);
  });

  it('counts what was revealed, and not what was unknown', async () => {
    const unknown = [1, 2, 3].map(someToken);
    expect((await ask(3, jane, unknown)).missing).toHaveLength(3);
    expect((await ask(3, jane)).revealed).toHaveLength(3);
  });

  it('is not held up by a clock that was a day ahead for a while', async () => {
    await ask(3, jane);
    await age(-24 * 60);
    expect((await ask(3, jane)).revealed).toHaveLength(3);
    await refusal(ask(1, jane));
  });

  it('reads as many rows whatever was revealed before', async () => {
    for (let hour = 0; hour < 5; hour += 1) {
      await ask(3, jane);
      await age(61);
    }
    await ask(1, jane);
    const { rows } = await database.admin.query(
      `select used from vault.usage where caller <> '' order by minute`,
    );
    expect(rows).toEqual([{ used: 3 }, { used: 1 }]);
  });

  it('does not tell, when it is used up, which tokens the vault holds', async () => {
    await ask(3, jane);
    const held = await refusal(ask(1, jane));
    const unknown = await refusal(ask(1, jane, [someToken(1)]));
    expect(unknown).toEqual(held);
  });
});

describe('the cap of all callers', () => {
  it('is not passed by callers that somebody invents', async () => {
    await setLimits(database, 'vault_reveal_url', 3, 5);
    await ask(3, user('one'));
    await ask(2, user('two'));
    const refused = await refusal(ask(1, user('three')));
    expect(refused).toMatchObject({ limit: 'cap', retryAt: expect.any(String) });
    expect(await outcomes()).toEqual({ revealed: 5, denied: 1 });
  });

  it('is one for each function', async () => {
    await setLimits(database, 'vault_reveal_url', 3, 3);
    await ask(3, jane);
    expect((await ask(3, claimed('jane'))).revealed).toHaveLength(3);
  });

  it('of nothing refuses everything, as where the direct reveal is switched off', async () => {
    await setLimits(database, 'vault_reveal', 0, 0);
    expect((await refusal(ask(1, claimed('jane')))).retryAt).toBeNull();
  });
});
