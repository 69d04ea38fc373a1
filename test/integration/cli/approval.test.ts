import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ApprovalInvalid } from '../../../lib/errors.ts';
import { requestDigest } from '../../../lib/requests/request-digest.ts';
import { type CliResult, runCli } from '../../helpers/cli.ts';
import { revealAll, startVaultServer, type VaultServer } from '../../helpers/vault-server.ts';

let vault: VaultServer;
beforeEach(async () => {
  vault = await startVaultServer();
});
afterEach(() => vault.close());

const id = '5e0c7f1e-0000-4000-8000-000000000000';
const reason = 'fraud case 4711';
const tokens = Array.from({ length: 150 }, (_, n) => `ip_v1_${String(n).padStart(26, 'A')}A`);

const digested = {
  stage: 'staging',
  caller: 'arn:aws:iam::000000000000:user/ada',
  expiresUs: '1795290000000000',
  reason,
  tokens,
};
const shown = {
  ...digested,
  id,
  requestedBy: 'arn:aws:iam::000000000000:user/ada',
  requestedAt: '2026-11-21T17:00:00Z',
  expiresAt: '2026-11-22T17:00:00Z',
  digest: requestDigest(digested),
  state: 'requested',
  decidedBy: null,
  usableUntil: null,
};

function run(name: string, parameters: string[], input?: string): Promise<CliResult> {
  const common = ['--stage', 'staging', '--url', vault.url];
  if (name !== 'requests' && name !== 'withdraw') common.push('--reason', reason);
  return runCli([name, ...common, ...parameters], null, {
    environment: vault.environment,
    ...(input === undefined ? {} : { input }),
  });
}

const asked = () => vault.asked.map(({ action, ...rest }) => [action, rest.tokens?.length]);

/** Answers as the URL of `approve` does, and shows this request. */
function answerShown(request: typeof shown): void {
  vault.answer = ({ action }) => [
    200,
    action === 'show' ? request : { id, state: 'approved', tokens: 150 },
  ];
}

describe('pii-vault request', () => {
  it('asks for all tokens at once, each once, and says how to go on', async () => {
    vault.answer = () => [
      200,
      { approval: { id, state: 'requested', digest: shown.digest, expiresAt: shown.expiresAt } },
    ];
    const { code, stdout } = await run('request', [], [...tokens, tokens[0]].join('\n'));
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        `Request ${id} for 150 tokens. Somebody with the managed policy approver can decide until ` +
        `2026-11-22T17:00:00Z: npx pii-vault approve ${id} --stage staging\n` +
        `Then add --approval ${id} to the same reveal, with the same reason.\n`,
    });
    expect(asked()).toEqual([['request', 150]]);
  });

  it('asks for nothing with a line that is not a token', async () => {
    expect(await run('request', [], `${tokens[0]}\n198.51.100.7\n`)).toMatchObject({
      code: 2,
      stderr:
        'Line 2: not a token (one looks like ip_v1_ and 27 letters, digits, - or _). Nothing was requested.\n',
    });
    expect(vault.asked).toEqual([]);
  });
});

describe('pii-vault reveal', () => {
  it('uses an approval in one request', async () => {
    const { code } = await run('reveal', ['--approval', id], tokens.join('\n'));
    expect(code).toBe(0);
    expect(vault.asked).toEqual([{ tokens, reason, approval: id }]);
  });

  it('says that somebody else has to approve, and does not ask again', async () => {
    const message = `somebody else has to approve so many tokens within 24 hours: request ${id} waits for that`;
    vault.answer = () => [403, { error: 'ApprovalRequired', message, id }];
    const { code, stderr } = await run('reveal', [], tokens.join('\n'));
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr:
        `S${message.slice(1)}; npx pii-vault request asks for more tokens than these at once.\n` +
        'Answered: 0 of 150. Left: 150.\n',
    });
    expect(vault.asked).toHaveLength(1);
  });

  it('asks nothing twice of an approval that is not valid', async () => {
    vault.answer = () => [
      409,
      { error: 'ApprovalInvalid', message: 'the request was refused', problem: 'refused' },
    ];
    expect(await run('reveal', ['--approval', id], tokens[0])).toMatchObject({
      code: 3,
      stderr: 'The request was refused.\nAnswered: 0 of 1. Left: 1.\n',
    });
    expect(vault.asked).toHaveLength(1);
  });
});

describe('pii-vault approve', () => {
  it('shows who asks for what and why, and sends the digest of what it showed', async () => {
    answerShown(shown);
    const { code, stdout, stderr } = await run('approve', [id, '--yes']);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `Request ${id} is approved. Its caller can use it once, within an hour.\n`,
    });
    for (const line of [shown.requestedBy, reason, '150 ip', shown.digest]) {
      expect(stderr).toContain(line);
    }
    expect(vault.asked.at(-1)).toEqual({ action: 'approve', id, digest: shown.digest, reason });
  });

  it('decides nothing where the digest is of something else than what is shown', async () => {
    answerShown({ ...shown, tokens: tokens.slice(1) });
    expect(await run('approve', [id, '--yes'])).toMatchObject({
      code: 2,
      stderr: 'The digest is not that of what the vault shows. Nothing was decided.\n',
    });
    expect(asked()).toEqual([['show', undefined]]);
  });

  it('decides nothing without a terminal to ask on', async () => {
    answerShown(shown);
    expect(await run('approve', [id])).toMatchObject({ code: 2 });
    expect(asked()).toEqual([['show', undefined]]);
  });
});

describe('pii-vault requests', () => {
  it('lists what waits, and what break-glass was used for', async () => {
    const item = { id, tokens: 3, usedBy: 'arn:of:grace', reason: 'on call', firstUsedAt: 'then' };
    vault.answer = () => [200, { requests: [{ ...shown, tokens: 150 }], breakGlass: [item] }];
    const { code, stdout } = await run('requests', []);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /5e0c\S+ +requested +150 +2026-11-22T17:00:00Z +arn:aws:iam::000000000000:user\/ada/,
    );
    expect(stdout).toMatch(/Break-glass, not acknowledged:\n.+\n.*arn:of:grace/s);
  });

  it('lists one’s own, and withdraws one', async () => {
    vault.answer = ({ action }) => [
      200,
      action === 'list' ? { requests: [] } : { id, state: 'withdrawn', tokens: 1 },
    ];
    expect(await run('requests', ['--own'])).toMatchObject({
      code: 0,
      stdout: 'You have no requests.\n',
    });
    expect(await run('withdraw', [id])).toMatchObject({
      code: 0,
      stdout: `Request ${id} is withdrawn.\n`,
    });
    expect(vault.asked).toEqual([{ action: 'list' }, { action: 'withdraw', id }]);

    const problem = 'not_found';
    const { message } = new ApprovalInvalid(problem);
    vault.answer = () => [400, { error: 'ApprovalInvalid', message, problem }];
    expect(await run('withdraw', [id])).toMatchObject({
      code: 3,
      stderr:
        'There is no such request or item that you made or may decide on; list them with npx pii-vault requests --own.\n',
    });
    const used = { error: 'ApprovalInvalid', message: 'it was used', problem: 'used' };
    vault.answer = () => [409, used];
    expect(await run('withdraw', [id])).toMatchObject({
      code: 3,
      stderr: 'It was used already: there is nothing to withdraw.\n',
    });
  });
});

describe('pii-vault acknowledge', () => {
  const uses = {
    usedBy: 'arn:of:grace',
    reason: 'on call',
    firstUsedAt: 'then',
    lastUsedAt: 'now',
  };

  it('closes an item with the number of tokens that it showed', async () => {
    vault.answer = ({ action }) => [
      200,
      action === 'list'
        ? { requests: [], breakGlass: [{ id, tokens: 3, ...uses }] }
        : { id, state: 'acknowledged', tokens: 3 },
    ];
    const { code, stdout, stderr } = await run('acknowledge', [id, '--yes']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Item ${id} is acknowledged.\n` });
    expect(stderr).toMatch(/used by +arn:of:grace\n.*tokens +3 revealed/s);
    expect(vault.asked).toEqual([
      { action: 'list' },
      { action: 'acknowledge', id, shown: 3, reason },
    ]);
  });

  it('closes nothing without an answer, or where no such item is open', async () => {
    vault.answer = () => [200, { requests: [], breakGlass: [{ id, tokens: 3, ...uses }] }];
    expect(await run('acknowledge', [id])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('add --yes'),
    });
    expect(await run('acknowledge', ['other', '--yes'])).toMatchObject({
      code: 2,
      stderr: 'No open item of break-glass has the id other.\n',
    });
    expect(vault.asked).toEqual([{ action: 'list' }, { action: 'list' }]);
  });
});

describe('pii-vault reveal --break-glass', () => {
  it('goes to a URL of its own, by the hundred', async () => {
    vault.answer = revealAll;
    expect(await run('reveal', ['--break-glass'], tokens.join('\n'))).toMatchObject({ code: 0 });
    expect(asked()).toEqual([
      [undefined, 100],
      [undefined, 50],
    ]);
    expect(await run('reveal', ['--break-glass', '--approval', id, tokens[0]!])).toMatchObject({
      code: 2,
      stderr: 'Give --approval or --break-glass, and not both.\n',
    });
  });
});
