import type { Command } from 'commander';

import { action, describe } from '../command.ts';
import { type DecideOptions, shownTable, withItem } from '../decide.ts';

interface Options extends DecideOptions {
  own?: true;
}

const description = `Lists the requests for large reveals that wait for a decision or for their use, and the uses of
break-glass that nobody has acknowledged. You need the managed policy approver. With --own, lists your own requests, with what
became of them; for that you need revealer.`;

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault requests --stage prod', ['stage', 'as', 'url'])
    .option('--own', 'your own requests')
    .action(
      action<Options>((options) => (options.own === true ? listOwn(options) : listOpen(options))),
    );
}

function listOwn(options: Options) {
  return withItem('reveal', options, async (vault) => {
    const requests = await vault.ownRequests();
    const rows = requests.map(
      ({ id, state, tokens, reason, expiresAt, decidedBy, usableUntil }) => ({
        id,
        state,
        tokens,
        'open until': state === 'approved' ? usableUntil : expiresAt,
        'decided by': decidedBy,
        reason,
      }),
    );
    return { exitCode: 0, text: shownTable(rows, 'You have no requests.'), report: { requests } };
  });
}

function listOpen(options: Options) {
  return withItem('approve', options, async (vault) => {
    const { requests, breakGlass } = await vault.openItems();
    const rows = requests.map((request) => ({
      id: request.id,
      state: request.state,
      tokens: request.tokens,
      'open until': request.state === 'approved' ? request.usableUntil : request.expiresAt,
      'requested by': request.requestedBy,
      reason: request.reason,
    }));
    const uses = breakGlass.map(({ id, tokens, usedBy, firstUsedAt, reason }) => ({
      id,
      tokens,
      'used by': usedBy,
      'first used at': firstUsedAt,
      reason,
    }));
    const text = shownTable(rows, 'No request waits.');
    const alarming = `Break-glass, not acknowledged:\n${shownTable(uses, '')}`;
    return {
      exitCode: uses.length > 0 ? 1 : 0,
      text: uses.length > 0 ? `${text}\n\n${alarming}` : text,
      report: { requests, breakGlass },
    };
  });
}
