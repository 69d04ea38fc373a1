import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { storedAudit } from '../../../db/read-audit.ts';
import { expireRequests, openRequests } from '../../../db/reveal-requests.ts';
import type { Principal } from '../../../lib/audit/entry.ts';
import { verifyAudit } from '../../../lib/audit/verify-audit.ts';
import {
  type ApprovalWorld,
  approvalWorld,
  requireApproval,
  someone,
} from '../../helpers/approval.ts';
import { claim, endStolenLogins, holdValues, stolenLogin, take } from '../../helpers/attacker.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

const { user, session, sso } = someone;
const above = 3;
const approver = user('olga');

let database: TestDatabase;
let world: ApprovalWorld;
let tokens: string[];
beforeAll(async () => {
  database = await createTestDatabase();
  tokens = await holdValues(database, 10);
  world = approvalWorld(database);
  await requireApproval(database, above);
});
afterAll(async () => {
  await endStolenLogins();
  await database.drop();
});

let callers = 0;
/** A caller who has revealed nothing yet. */
const someCaller = () => user(`caller${(callers += 1)}`);

async function approved(caller: Principal, asked = tokens) {
  const request = await world.request(caller, asked);
  expect(await world.decide(approver, request)).toMatchObject({ state: 'approved' });
  return request;
}

async function problemOf(
  caller: Principal,
  asked: readonly string[],
  options: { approval: string; reason?: string },
) {
  const { denied, outcomes } = await world.reveal(caller, asked, options);
  if (denied === null) return null;
  expect([...outcomes.values()].every((outcome) => outcome === 'denied')).toBe(true);
  return 'problem' in denied ? denied.problem : denied.limit;
}

const revealedTo = async (id: string) => {
  const { rows } = await database.admin.query<{ count: string }>(
    `select count(*) from vault.reveal_audit where outcome = 'revealed' and principal = $1`,
    [id],
  );
  return Number(rows[0]!.count);
};

describe('a large reveal', () => {
  it('is refused without an approval, and makes a request for one', async () => {
    const caller = someCaller();
    const { denied } = await world.reveal(caller, tokens);
    expect(denied).toEqual({ limit: 'approval', item: expect.any(String), problem: null });
    expect(await revealedTo(caller.id)).toBe(0);
    // the same again is the same request
    expect((await world.reveal(caller, tokens.toReversed())).denied).toEqual(denied);
    const open = await openRequests(database.as('vault_approve'));
    expect(open.filter(({ requestedBy }) => requestedBy === caller.id)).toHaveLength(1);
  });

  it('is counted over small ones, whatever the session, permission set or case', async () => {
    const names = [
      session('Fraud', 'a'),
      session('Fraud', 'b'),
      session('fraud', 'c'),
      session('Fraud', 'd'),
    ];
    const people = [
      sso('Reader', 'grace@example.com'),
      sso('Admin', 'grace@example.com'),
      sso('Admin', 'Grace@Example.com'),
      sso('Reader', 'GRACE@EXAMPLE.COM'),
    ];
    for (const sessions of [names, people]) {
      const denied = [];
      for (const [n, one] of sessions.entries()) {
        denied.push((await world.reveal(one, [tokens[n]!])).denied?.limit ?? null);
      }
      expect(denied).toEqual([null, null, null, 'approval']);
    }
  });

  it('is counted over the hours, and over the turn of an hour', async () => {
    const caller = someCaller();
    await world.reveal(caller, tokens.slice(0, 3));
    const age = (interval: string) =>
      database.admin.query(
        `update vault.usage set minute = minute - interval '${interval}' where caller = $1`,
        [caller.id],
      );
    await age('23 hours');
    await database.as('vault_maintain').query('select vault.prune_requests()');
    expect((await world.reveal(caller, [tokens[4]!])).denied?.limit).toBe('approval');
    await age('3 hours');
    expect((await world.reveal(caller, [tokens[4]!])).denied).toBeNull();
  });

  it('is counted over sessions at the same time', async () => {
    const caller = someCaller();
    const worlds = Array.from({ length: 6 }, () => approvalWorld(database));
    await Promise.all(worlds.map((one, n) => one.reveal(caller, [tokens[n]!])));
    expect(await revealedTo(caller.id)).toBe(above);
  });

  it('is refused to whoever only claims a name, who cannot request either', async () => {
    const thief = await stolenLogin(database, 'vault_reveal');
    const { rows } = await thief.query(
      claim('claimed', tokens).replace('token, outcome', 'outcome, exceeded, item, problem'),
    );
    expect(rows[0]).toEqual({
      outcome: 'denied',
      exceeded: 'approval',
      item: null,
      problem: 'no_person',
    });
    await expect(thief.query(take('claimed'))).rejects.toThrow('no committed claim');
  });

  it('is free while the stage requires nothing', async () => {
    await requireApproval(database, null);
    expect((await world.reveal(someCaller(), tokens)).denied).toBeNull();
    await requireApproval(database, 0);
    expect((await world.reveal(someCaller(), [tokens[0]!])).denied?.limit).toBe('approval');
    await requireApproval(database, above);
  });
});

describe('requests that are made and withdrawn', () => {
  it('leave no more than 200 behind', async () => {
    await database.admin.query(
      `insert into vault.reveal_requests
         (id, caller, principal, reason, tokens, digest, state, requested_at, expires_at, ended_at)
       select gen_random_uuid(), 'thief', 'thief', 'a reason of somebody', $1, sha256(''), 'withdrawn',
         now() - interval '2 hours', now(), now() - n * interval '1 second'
       from generate_series(1, 300) as n`,
      [tokens],
    );
    const caller = someCaller();
    await world.withdraw(caller, (await world.request(caller, tokens)).id);
    const { rows } = await database.admin.query<{ count: string }>(
      'select count(*) from vault.reveal_requests where ended_at is not null',
    );
    // and the one that was withdrawn after that
    expect(Number(rows[0]!.count)).toBe(201);
  });
});

describe('an approval is used', () => {
  it('by its caller, with its tokens in any order, once', async () => {
    const caller = someCaller();
    const { id } = await approved(caller);
    const backwards = tokens.toReversed();
    const claimed = await world.reveal(caller, backwards, { approval: id, requestId: id });
    expect(claimed.denied).toBeNull();
    const thief = await stolenLogin(database, 'vault_reveal_url');
    expect((await thief.query(take(id))).rowCount).toBe(tokens.length);
    expect(await problemOf(caller, tokens, { approval: id })).toBe('used');
    await expect(thief.query(take(id))).rejects.toThrow('no committed claim');
    // what somebody else approved does not count as the caller's own
    expect((await world.reveal(caller, tokens.slice(0, 3))).denied).toBeNull();
  });

  it('by another session of the same person', async () => {
    const { id } = await approved(sso('Reader', 'ada@example.com'));
    const elsewhere = sso('Admin', 'Ada@example.com');
    expect(await problemOf(elsewhere, tokens, { approval: id })).toBeNull();
  });

  it('not with one token more, one less, or another reason', async () => {
    const caller = someCaller();
    const { id } = await approved(caller, tokens.slice(0, 9));
    const attempts = [
      problemOf(caller, tokens, { approval: id }),
      problemOf(caller, tokens.slice(0, 8), { approval: id }),
      problemOf(caller, tokens.slice(0, 9), { approval: id, reason: 'A reason of somebody' }),
    ];
    expect(await Promise.all(attempts)).toEqual(['different', 'different', 'different']);
    // and stays what it was
    expect(await problemOf(caller, tokens.slice(0, 9), { approval: id })).toBeNull();
  });

  it('not by another caller, also not by the approver', async () => {
    const caller = someCaller();
    const { id } = await approved(caller);
    expect(await problemOf(someCaller(), tokens, { approval: id })).toBe('not_found');
    expect(await problemOf(approver, tokens, { approval: id })).toBe('not_found');
  });

  it('not before somebody approved it, and not after it was refused or withdrawn', async () => {
    const caller = someCaller();
    const request = await world.request(caller, tokens);
    expect(await problemOf(caller, tokens, { approval: request.id })).toBe('requested');
    await world.decide(approver, request, 'refused');
    expect(await problemOf(caller, tokens, { approval: request.id })).toBe('refused');
    const another = await approved(caller);
    await world.withdraw(caller, another.id);
    expect(await problemOf(caller, tokens, { approval: another.id })).toBe('withdrawn');
  });

  it('not later than an hour after it was approved', async () => {
    const caller = someCaller();
    const { id } = await approved(caller);
    await database.admin.query(
      `update vault.reveal_requests set usable_until = now() - interval '1 second' where id = $1`,
      [id],
    );
    expect(await problemOf(caller, tokens, { approval: id })).toBe('expired');
    await expireRequests(database.as('vault_maintain'));
    expect(await problemOf(caller, tokens, { approval: id })).toBe('expired');
  });

  it('by one of two sessions that use it at the same time', async () => {
    const caller = someCaller();
    const { id } = await approved(caller);
    const worlds = [approvalWorld(database), approvalWorld(database)];
    const both = await Promise.all(
      worlds.map((one) => one.reveal(caller, tokens, { approval: id })),
    );
    expect(both.filter(({ denied }) => denied === null)).toHaveLength(1);
  });

  it('not by a direct reveal, nor by break-glass', async () => {
    const { id } = await approved(someCaller());
    const direct = await stolenLogin(database, 'vault_reveal');
    const named = claim('direct', tokens).replace(')', `, '${id}')`);
    await expect(direct.query(named)).rejects.toThrow('may not write');
    const emergency = await stolenLogin(database, 'vault_break_glass');
    await expect(emergency.query(named.replace('claimed', 'iam'))).rejects.toThrow('may not write');
  });
});

describe('a request is approved', () => {
  const self: [string, Principal, Principal][] = [
    ['the same user', user('mallory'), user('mallory')],
    ['the same user in upper case', user('mallory'), user('MALLORY')],
    ['the same user under another path', user('mallory'), user('team/a/mallory')],
    ['a second session of the same role', session('Fraud', 'x'), session('Fraud', 'y')],
    [
      'a second role of the same user of IAM Identity Center',
      sso('Investigator', 'm@example.com'),
      sso('Approver', 'm@example.com'),
    ],
    [
      'the same user of IAM Identity Center in upper case',
      sso('Investigator', 'm@example.com'),
      sso('Investigator', 'M@EXAMPLE.COM'),
    ],
  ];
  it.each(self)('not by its caller: %s', async (_, caller, sameCaller) => {
    const request = await world.request(caller, tokens);
    expect(await world.decide(sameCaller, request)).toMatchObject({ state: null, problem: 'own' });
    expect(await problemOf(caller, tokens, { approval: request.id })).toBe('requested');
    await world.withdraw(caller, request.id);
  });

  const nobody: [string, Principal][] = [
    ['a claimed name', { id: approver.id, source: 'claimed' }],
    ['the root user', { id: 'arn:aws:iam::123456789012:root', source: 'iam' }],
    ['a federated user', { id: 'arn:aws:sts::123456789012:federated-user/olga', source: 'iam' }],
    ['something that is not an ARN', { id: 'olga', source: 'iam' }],
    ['an ARN of a later day', { id: 'arn:aws:new::123456789012:person/olga', source: 'iam' }],
  ];
  it.each(nobody)('not by %s', async (_, who) => {
    const request = await world.request(someCaller(), tokens);
    const decided = world.decide(who, request);
    if (who.source === 'claimed') await expect(decided).rejects.toThrow('42501');
    else expect(await decided).toMatchObject({ state: null, problem: 'no_person' });
    await expect(world.request(who, tokens)).rejects.toThrow('no_person');
  });

  it('not by a digest that is not its own', async () => {
    const [one, another] = [someCaller(), someCaller()];
    const shown = await world.request(one, tokens.slice(0, 4));
    const hidden = await world.request(another, tokens);
    expect(await world.decide(approver, { id: hidden.id, digest: shown.digest })).toMatchObject({
      problem: 'different',
    });
    expect(await world.decide(approver, { id: hidden.id, digest: '' })).toMatchObject({
      problem: 'different',
    });
  });

  it('not a second time, nor after it was refused, withdrawn or expired', async () => {
    const caller = someCaller();
    expect(await world.decide(approver, await approved(caller))).toMatchObject({
      problem: 'approved',
    });
    const refused = await world.request(caller, tokens.slice(0, 4));
    await world.decide(approver, refused, 'refused');
    expect(await world.decide(approver, refused)).toMatchObject({ problem: 'refused' });
    const withdrawn = await world.request(caller, tokens.slice(0, 5));
    await world.withdraw(caller, withdrawn.id);
    expect(await world.decide(approver, withdrawn)).toMatchObject({ problem: 'withdrawn' });
    const late = await world.request(caller, tokens.slice(0, 6));
    await database.admin.query(
      `update vault.reveal_requests set expires_at = now() - interval '1 second' where id = $1`,
      [late.id],
    );
    expect(await world.decide(approver, late)).toMatchObject({ problem: 'expired' });
  });

  it('not by the logins that reveal; and the login that approves reveals nothing', async () => {
    const { id, digest } = await world.request(someCaller(), tokens);
    for (const role of ['vault_reveal', 'vault_reveal_url', 'vault_break_glass'] as const) {
      const thief = await stolenLogin(database, role);
      for (const attempt of [
        `select vault.decide_request('r', 'iam', '${approver.id}', 'a reason of somebody', '${id}', '\\x${digest}', 'approved')`,
        `update vault.reveal_requests set state = 'approved'`,
        `insert into vault.reveal_requests select * from vault.reveal_requests`,
        `delete from vault.approval_rule`,
        `select vault.append_event('approval', 'r', 'iam', 'p', 'a reason of somebody', 'approved', '{}')`,
      ]) {
        await expect(thief.query(attempt), attempt).rejects.toThrow('permission denied');
      }
    }
    const thief = await stolenLogin(database, 'vault_approve');
    for (const attempt of [
      claim('r', tokens, 'iam'),
      take('r'),
      `select ciphertext from vault.pii_vault`,
      `select vault.request_reveal('r', 'iam', '${approver.id}', 'a reason of somebody', '{}')`,
    ]) {
      await expect(thief.query(attempt), attempt).rejects.toThrow('permission denied');
    }
  });

  it('or withdrawn, when both happen at the same time, and the audit says which', async () => {
    for (let round = 0; round < 10; round += 1) {
      const caller = someCaller();
      const request = await world.request(caller, tokens);
      const [approving, withdrawing] = [approvalWorld(database), approvalWorld(database)];
      const [decision] = await Promise.all([
        approving.decide(approver, request),
        withdrawing.withdraw(caller, request.id),
      ]);
      // the caller may withdraw what is approved, and nobody approves what is withdrawn
      expect([null, 'withdrawn']).toContain(decision.problem);
      expect(await problemOf(caller, tokens, { approval: request.id })).toBe('withdrawn');
      const states = (await statesOf(request.id)).filter((state) => state !== 'denied');
      const between = decision.problem === null ? ['approved'] : [];
      expect(states).toEqual(['requested', ...between, 'withdrawn']);
    }
  });
});

async function statesOf(id: string): Promise<string[]> {
  const { rows } = await database.admin.query<{ outcome: string }>(
    `select outcome from vault.reveal_audit where action = 'approval' and detail::json ->> 'item' = $1
     order by id`,
    [id],
  );
  return rows.map(({ outcome }) => outcome);
}

describe('the audit', () => {
  it('has each state of a request, and each attempt that was refused', async () => {
    const caller = someCaller();
    const request = await world.request(caller, tokens);
    await world.decide(caller, request);
    await world.decide(approver, request);
    await world.reveal(caller, tokens, { approval: request.id });
    await world.reveal(caller, tokens, { approval: request.id });
    expect(await statesOf(request.id)).toEqual([
      'requested',
      'denied',
      'approved',
      'used',
      'denied',
    ]);

    const late = await world.request(caller, tokens);
    await database.admin.query(
      `update vault.reveal_requests set expires_at = now() - interval '1 second' where id = $1`,
      [late.id],
    );
    await expireRequests(database.as('vault_maintain'));
    expect(await statesOf(late.id)).toEqual(['requested', 'expired']);
  });

  it('is not filled by requests, nor the vault', async () => {
    const caller = someCaller();
    for (let n = 0; n < 10; n += 1) await world.request(caller, tokens.slice(0, n + 1));
    const more = world.request(caller, [tokens[9]!]);
    await expect(more).rejects.toThrow('too_many');
    // withdrawing makes room, but not for ever
    const churn = async () => {
      const { id } = await world.request(caller, [tokens[9]!]);
      await world.withdraw(caller, id);
    };
    const open = await openRequests(database.as('vault_approve'));
    const own = open.find(({ requestedBy }) => requestedBy === caller.id);
    await world.withdraw(caller, own!.id);
    await expect(
      (async () => {
        for (let n = 0; n < 61; n += 1) await churn();
      })(),
    ).rejects.toThrow('53400');
  });

  it('verifies after all of this', async () => {
    const { findings } = await verifyAudit(storedAudit(database.as('vault_auditor')));
    expect(findings).toEqual([]);
  });
});

describe('break-glass', () => {
  it('is not acknowledged with what was revealed after the approver was shown it', async () => {
    const caller = sso('Emergency', 'mallory@example.org');
    const { breakGlass: item } = await world.breakGlass(caller, tokens.slice(0, 1));
    const stolen = await stolenLogin(database, 'vault_approve');
    const { rows } = await stolen.query('select id, tokens from vault.open_break_glass()');
    expect(rows).toEqual([{ id: item, tokens: 1 }]);
    await world.breakGlass(caller, tokens.slice(1, 3));
    const changed = { state: null, problem: 'more_revealed' };
    expect(await world.acknowledge(approver, item!, 1)).toMatchObject(changed);
    for (const shown of ['1', 'null', '2147483647']) {
      const answer = await stolen.query(
        `select state, problem from vault.acknowledge_break_glass(
           'r', 'iam', '${approver.id}', 'a reason of somebody', '${item}', ${shown})`,
      );
      expect(answer.rows, shown).toEqual([changed]);
    }
    expect(await world.acknowledge(approver, item!, 3)).toMatchObject({ state: 'acknowledged' });
    // what comes then is an item of its own
    expect((await world.breakGlass(caller, [tokens[3]!])).breakGlass).not.toBe(item);
  });

  it('reveals without an approval, up to its own cap, as an item for somebody else', async () => {
    const caller = sso('Emergency', 'grace@example.org');
    await database.admin.query(
      `update vault.limits set per_caller = 10, overall = 10 where role = 'vault_break_glass'`,
    );
    const { denied, breakGlass } = await world.breakGlass(caller, tokens.slice(0, 4));
    expect([denied, breakGlass]).toEqual([null, expect.any(String)]);
    expect((await world.breakGlass(caller, tokens.slice(4, 6))).breakGlass).toBe(breakGlass);
    expect((await world.breakGlass(caller, [tokens[7]!])).denied?.limit).toBe('cap');

    const again = sso('Approver', 'Grace@example.org');
    expect(await world.acknowledge(again, breakGlass!, 6)).toMatchObject({ problem: 'own' });
    expect(await world.acknowledge(approver, breakGlass!, 6)).toMatchObject({
      state: 'acknowledged',
      tokens: 6,
    });
    expect(await world.acknowledge(approver, breakGlass!, 6)).toMatchObject({
      problem: 'acknowledged',
    });
    // what was revealed so counts as the caller's own
    const asBefore = await world.reveal(sso('Reader', 'grace@example.org'), [tokens[0]!]);
    expect(asBefore.denied?.limit).toBe('approval');
  });
});
