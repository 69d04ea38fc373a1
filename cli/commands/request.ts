import type { Command } from 'commander';

import { kindOfToken } from '../../lib/crypto/token.ts';
import { maxPerApproval } from '../../lib/requests/request.ts';
import { action, describe, type Outcome } from '../command.ts';
import { type DecideOptions, withItem } from '../decide.ts';
import { type InputOptions, readInput } from '../input.ts';
import { lineList, notToken } from '../line-list.ts';
import { reasonOf } from '../reason.ts';
import { UserError } from '../user-error.ts';

type Options = DecideOptions & InputOptions;

const description = `Requests somebody else's approval to reveal many tokens, up to 10 000, given as for reveal. Reveals
nothing. Once it is approved, reveal exactly these tokens for the same reason with reveal --approval ID. Audited. You need the
managed policy revealer.`;

const example =
  "npx pii-vault request --csv cases.csv --column masked_ip --reason 'fraud case 4711'";

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'as', 'caller', 'input'])
    .argument('[tokens...]', 'tokens of user_logins')
    .action(action<Options>((options, _, args) => run(options, args)));
}

async function run(options: Options, args: readonly string[]): Promise<Outcome> {
  const { items, place } = await readInput(options, args, false);
  const malformed = items.filter(({ text }) => kindOfToken(text.trim()) === null);
  if (malformed.length > 0) {
    throw new UserError(`${lineList(malformed, place)}: ${notToken}. Nothing was requested.`);
  }
  const tokens = [...new Set(items.map(({ text }) => text.trim()))];
  if (tokens.length === 0) throw new UserError('There is no token to ask for.');
  if (tokens.length > maxPerApproval) {
    throw new UserError(
      `These are ${tokens.length} tokens, and a request takes ${maxPerApproval}: divide them.`,
    );
  }
  const reason = await reasonOf(options);
  return withItem('reveal', options, async (vault) => {
    const { approval } = await vault.request(tokens, reason);
    const { id, state, expiresAt } = approval;
    const where = options.stage === 'local' ? ' --as approver' : ` --stage ${options.stage}`;
    const next =
      state === 'approved'
        ? 'It is approved already.'
        : `Somebody with the managed policy approver can decide until ${expiresAt}: npx pii-vault approve ${id}${where}`;
    return {
      exitCode: 0,
      text: `Request ${id} for ${tokens.length} token${tokens.length === 1 ? '' : 's'}. ${next}\nThen add --approval ${id} to the same reveal, with the same reason.`,
      report: { ...approval },
    };
  });
}
