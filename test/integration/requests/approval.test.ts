import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openBreakGlass } from '../../../db/reveal-requests.ts';
import type { Principal } from '../../../lib/audit/entry.ts';
import { ApprovalInvalid, ApprovalRequired, InvalidRequest } from '../../../lib/errors.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import type { Notice } from '../../../lib/notify.ts';
import { parseApproverAction, parseRevealAction } from '../../../lib/requests/approval-request.ts';
import { decide, type DecideDeps } from '../../../lib/requests/decide.ts';
import { requestDigest } from '../../../lib/requests/request-digest.ts';
import { reveal, type RevealResponse } from '../../../lib/requests/reveal.ts';
import { revealAction, type RevealActionDeps } from '../../../lib/requests/reveal-action.ts';
import { createKmsDouble } from '../../../scripts/local/kms-double.ts';
import { approvalDeps, requireApproval, someone } from '../../helpers/approval.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { ingestDeps, revealDeps, revealStore } from '../../helpers/vault.ts';

const kms = createKmsDouble();
const reason = 'fraud case 4711';
const approver = someone.user('olga');
const values = 10_000;
const address = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;

let database: TestDatabase;
let requesting: RevealActionDeps;
let deciding: DecideDeps;
let tokens: string[];
let notices: Notice[];
beforeAll(async () => {
  database = await createTestDatabase();
  notices = [];
  const notify = async (notice: Notice) => void notices.push(notice);
  ({ requesting, deciding } = approvalDeps(database, kms, notify));
  // where all tests run at once, 10 000 tokens can take longer than the role's own limit
  const patient = database.as('vault_reveal_url');
  await patient.query('set statement_timeout = 0');
  Object.assign(requesting, revealStore(patient));
  const sealing = ingestDeps(database, kms);
  const records = Array.from({ length: values }, (_, n) =>
    sqsRecord(loginMessage({ ip: address(n), device_id: null })),
  );
  while (records.length > 0) await ingest(records.splice(0, 1_000), sealing);
  const { rows } = await database.admin.query<{ masked_ip: string }>(
    'select masked_ip from public.user_logins',
  );
  tokens = rows.map((row) => row.masked_ip);
  await requireApproval(database, 150);
});
afterAll(() => database.drop());

const ask = (who: Principal, body: unknown) =>
  revealAction(parseRevealAction(body), who, randomUUID(), requesting);
const answer = (body: unknown) =>
  decide(parseApproverAction(body), approver, randomUUID(), deciding);

async function request(who: Principal, asked: readonly string[]) {
  const made = await ask(who, { action: 'request', tokens: asked, reason });
  if (!('approval' in made)) throw new Error('no approval was requested');
  return made.approval;
}

describe('a large reveal', () => {
  it('of 10 000 tokens is requested, shown with its digest, approved, and revealed once', async () => {
    const grace = someone.sso('Fraud', 'grace@example.com');
    const { id, digest } = await request(grace, tokens);
    expect(notices).toEqual([{ event: 'requested', id, tokens: values }]);

    const shown = await answer({ action: 'show', id });
    if (!('expiresUs' in shown)) throw new Error('nothing was shown');
    expect(shown).toMatchObject({ requestedBy: grace.id, caller: 'sso:grace@example.com', reason });
    expect(requestDigest(shown)).toBe(digest);
    expect(requestDigest({ ...shown, tokens: tokens.toReversed() })).toBe(digest);
    await answer({ action: 'approve', id, digest: requestDigest(shown), reason: 'seen the case' });
    expect(notices.at(-1)).toEqual({ event: 'approved', id, tokens: values });

    const take = { tokens, reason, approval: id };
    const { revealed, missing } = (await ask(grace, take)) as RevealResponse;
    expect(missing).toEqual([]);
    expect(new Set(revealed.map(({ value }) => value)).size).toBe(values);
    await expect(ask(grace, take)).rejects.toThrow(new ApprovalInvalid('used'));
    expect(await ask(grace, { action: 'list' })).toMatchObject({
      requests: [{ id, state: 'used', tokens: values, decidedBy: approver.id }],
    });
  });

  it('without an approval tells the id of the request for one', async () => {
    const caller = someone.user('ada');
    await ask(caller, { tokens: tokens.slice(0, 100), reason });
    const refused = await ask(caller, { tokens: tokens.slice(100, 200), reason }).catch(
      (error: unknown) => error,
    );
    if (!(refused instanceof ApprovalRequired)) throw refused;
    expect(refused.message).toContain(`request ${refused.id} waits for that`);
    expect(notices.at(-1)).toEqual({ event: 'requested', id: refused.id, tokens: 100 });
    const open = await answer({ action: 'list' });
    expect(open).toMatchObject({ requests: [{ id: refused.id, requestedBy: caller.id }] });
    await ask(caller, { action: 'withdraw', id: refused.id });
    expect(notices.at(-1)).toEqual({ event: 'withdrawn', id: refused.id, tokens: 100 });
    expect(await answer({ action: 'list' })).toEqual({ requests: [], breakGlass: [] });
    await expect(answer({ action: 'show', id: refused.id })).rejects.toThrow(
      new ApprovalInvalid('not_found'),
    );
  });

  it('is refused by the vault in words, and by name', async () => {
    const caller = someone.user('joan');
    const { id, digest } = await request(caller, tokens.slice(0, 200));
    await answer({ action: 'refuse', id, digest, reason: 'no case is open' });
    await expect(
      ask(caller, { tokens: tokens.slice(0, 200), reason, approval: id }),
    ).rejects.toMatchObject({ name: 'ApprovalInvalid', problem: 'refused' });
  });

  it('that would not fit into an answer uses up no approval', async () => {
    const caller = someone.user('edith');
    const asked = tokens.slice(0, 2_000);
    const { id, digest } = await request(caller, asked);
    await answer({ action: 'approve', id, digest, reason: 'seen the case' });
    await database.admin.query(`update vault.pii_vault set ciphertext = repeat('x', 2000)::bytea`);
    await expect(ask(caller, { tokens: asked, reason, approval: id })).rejects.toThrow(
      new InvalidRequest('tokens', 'have more to tell than one answer can hold: ask for fewer'),
    );
    expect(await ask(caller, { action: 'list' })).toMatchObject({
      requests: [{ id, state: 'approved' }],
    });
  });
});

describe('break-glass', () => {
  it('tells the operators at once, and is open until somebody else acknowledged it', async () => {
    const deps = { ...revealDeps(database, kms, 'vault_break_glass'), notify: requesting.notify };
    const published: unknown[] = [];
    const metrics = { ...deps.metrics, publish: (counts: unknown) => void published.push(counts) };
    const asked = { tokens: tokens.slice(0, 2), reason };
    // the seals are broken by now: what was claimed was told of before
    await expect(
      reveal(asked, someone.user('mary'), randomUUID(), { ...deps, metrics }),
    ).rejects.toMatchObject({ name: 'SealBroken' });
    expect(published).toEqual([{ breakGlass: 2 }]);
    const [item] = await openBreakGlass(database.as('vault_maintain'));
    expect(notices.at(-1)).toEqual({ event: 'break_glass', id: item!.id, tokens: 2 });
    await answer({
      action: 'acknowledge',
      id: item!.id,
      shown: 2,
      reason: 'the incident of today',
    });
    expect(await openBreakGlass(database.as('vault_maintain'))).toEqual([]);
  });
});

describe('a request to one of the URLs', () => {
  const token = `ip_v1_${'A'.repeat(27)}`;
  const id = randomUUID();
  const digest = '0'.repeat(64);

  it('may leave out the action, and names what is wrong', () => {
    const parsed = { tokens: [token], reason, approval: null, action: 'reveal' };
    expect(parseRevealAction({ tokens: [token, token], reason })).toEqual(parsed);
    const wrong: [unknown, string][] = [
      [null, 'request must be a JSON object'],
      [{ action: 'approve' }, 'action must be one of reveal, request, withdraw, list'],
      [
        { tokens: [token], reason, approval: 'x' },
        'approval must be the id of an approved request',
      ],
      [{ action: 'withdraw', id, reason }, 'request has an unknown field'],
      [
        { tokens: Array.from({ length: 101 }, () => token), reason },
        'tokens must be 1 to 100 tokens, or up to 10000 with an approval',
      ],
    ];
    for (const [body, message] of wrong) expect(() => parseRevealAction(body)).toThrow(message);
    expect(() => parseApproverAction({ action: 'approve', id, digest: 'x', reason })).toThrow(
      'digest must be the 64 hexadecimal digits that were shown',
    );
    expect(() => parseApproverAction({ action: 'approve', id, reason })).toThrow('digest must');
    expect(() => parseApproverAction({ id, digest, reason })).toThrow('action must be one of list');
  });
});
