import type { Command } from 'commander';

import { action, describe } from '../command.ts';
import { type DecideOptions, withItem } from '../decide.ts';
import { reasonOf } from '../reason.ts';

const description = `Closes an item of break-glass, after you have found out why somebody revealed values without an approval:
until then the daily round fails. Your own are somebody else's to close. Audited, with your reason. You need the managed policy
approver.`;

const example =
  "npx pii-vault acknowledge 5e0c… --stage prod --reason 'incident 17, seen with Grace'";

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'as', 'caller'])
    .argument('<id>', 'of the item, as requests shows it')
    .action(
      action<DecideOptions>((options, _, [id = '']) =>
        withItem('approve', options, async (vault) => {
          const { state } = await vault.acknowledge(id, await reasonOf(options));
          return { exitCode: 0, text: `Item ${id} is ${state}.`, report: { id, state } };
        }),
      ),
    );
}
