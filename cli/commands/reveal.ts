import type { Command } from 'commander';

import { kindOfToken } from '../../lib/crypto/token.ts';
import { maxPerApproval } from '../../lib/requests/request.ts';
import { action, describe } from '../command.ts';
import {
  addInquiryOptions,
  type Answer,
  inquire,
  type Inquiry,
  type InquiryOptions,
} from '../inquiry.ts';
import { UserError } from '../user-error.ts';

const description = `Reveals the values of tokens, given as arguments, on standard input, in a file or in a column
of a CSV. Each reveal is audited under the identity that AWS verifies, with your reason. You need the
managed policy revealer. Up to a hundred tokens go in a request; equal ones are asked for once. Where the stage asks for
somebody else's approval of large reveals, request makes one. For --break-glass you need the managed policy break-glass.`;

const example =
  "npx pii-vault reveal --csv cases.csv --column masked_ip --out revealed.csv --reason 'fraud case 4711'";

interface Options extends InquiryOptions {
  approval?: string;
  breakGlass?: true;
}

const inquiryOf = ({ approval, breakGlass }: Options): Inquiry => ({
  door: breakGlass === true ? 'break-glass' : 'reveal',
  ...(approval !== undefined && { maxPerRequest: maxPerApproval }),
  asked: 'token',
  result: 'value',
  columnSuffix: 'revealed',
  progress: 'Revealing tokens',
  keyOf: (text) => (kindOfToken(text.trim()) === null ? null : text.trim()),
  ask: async (vault, tokens, reason) => {
    const {
      revealed,
      missing,
      renamed = [],
    } = breakGlass === true
      ? await vault.breakGlass(tokens, reason)
      : await vault.reveal(tokens, reason, approval);
    const names = new Map(renamed.map((one) => [one.token, one.currentToken]));
    const now = (token: string) => (names.has(token) ? `, now ${names.get(token)}` : '');
    return new Map<string, Answer>([
      ...revealed.map(
        ({ token, value }) =>
          [token, { result: value, status: `revealed${now(token)}`, isFound: true }] as const,
      ),
      ...missing.map(
        ({ token, why }) =>
          [token, { result: null, status: `${why}${now(token)}`, isFound: false }] as const,
      ),
    ]);
  },
});

export function define(command: Command): void {
  addInquiryOptions(
    describe(command, description, example, ['stage', 'as', 'caller', 'wait', 'input']),
  )
    .argument('[tokens...]', 'tokens of user_logins')
    .option('--approval <id>', 'use this approved request: once, for exactly its tokens and reason')
    .option('--break-glass', 'in an emergency: without an approval, and with an alarm')
    .action(
      action<Options>((options, context, args) => {
        if (options.approval !== undefined && options.breakGlass === true) {
          throw new UserError('Give --approval or --break-glass, and not both.');
        }
        return inquire(inquiryOf(options), options, context, args);
      }),
    );
}
