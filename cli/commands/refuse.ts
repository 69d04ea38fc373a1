import type { Command } from 'commander';

import { action, describe } from '../command.ts';
import { type DecideOptions, decideOn } from '../decide.ts';

const description = `Refuses a request for a large reveal, for good: its caller can make another one. Audited, with your
reason. You need the managed policy approver.`;

const example = "npx pii-vault refuse 5e0c… --stage prod --reason 'there is no such case'";

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'as', 'caller', 'yes'])
    .argument('<id>', 'of the request, as requests shows it')
    .option('--tokens', 'show all of its tokens')
    .action(action<DecideOptions>((options, _, [id = '']) => decideOn(id, 'refuse', options)));
}
