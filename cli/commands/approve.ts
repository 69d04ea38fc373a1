import type { Command } from 'commander';

import { action, describe } from '../command.ts';
import { type DecideOptions, decideOn } from '../decide.ts';

const description = `Approves a request for a large reveal: shows who asks for how many tokens and why, and approves exactly
that. You cannot approve your own requests. The caller can then use it once, within an hour. Audited, with your
reason. You need the managed policy approver.`;

const example =
  "npx pii-vault approve 5e0c… --stage prod --reason 'case 4711 is assigned to the caller'";

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'as', 'caller', 'yes'])
    .argument('<id>', 'of the request, as requests shows it')
    .option('--tokens', 'show all of its tokens')
    .action(action<DecideOptions>((options, _, [id = '']) => decideOn(id, 'approve', options)));
}
