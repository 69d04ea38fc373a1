import type { Command } from 'commander';

import { kindOfToken } from '../../lib/crypto/token.ts';
import { action, describe } from '../command.ts';
import {
  addInquiryOptions,
  type Answer,
  inquire,
  type Inquiry,
  type InquiryOptions,
} from '../inquiry.ts';

const description = `Reveals the values of tokens, given as arguments, on standard input, in a file or in a column
of a CSV. Each reveal is audited under the identity that AWS verifies, with your reason. You need the
managed policy revealer. A hundred tokens go in a request; equal ones are asked for once.`;

const example =
  "npx pii-vault reveal --csv cases.csv --column masked_ip --out revealed.csv --reason 'fraud case 4711'";

const inquiry: Inquiry = {
  door: 'reveal',
  asked: 'token',
  result: 'value',
  columnSuffix: 'revealed',
  progress: 'Revealing tokens',
  keyOf: (text) => (kindOfToken(text.trim()) === null ? null : text.trim()),
  ask: async (vault, tokens, reason) => {
    const { revealed, missing } = await vault.reveal(tokens, reason);
    return new Map<string, Answer>([
      ...revealed.map(
        ({ token, value }) =>
          [token, { result: value, status: 'revealed', isFound: true }] as const,
      ),
      ...missing.map(
        ({ token, why }) => [token, { result: null, status: why, isFound: false }] as const,
      ),
    ]);
  },
};

export function define(command: Command): void {
  addInquiryOptions(describe(command, description, example, ['stage', 'as', 'caller', 'input']))
    .argument('[tokens...]', 'tokens of user_logins')
    .action(
      action<InquiryOptions>((options, context, args) => inquire(inquiry, options, context, args)),
    );
}
