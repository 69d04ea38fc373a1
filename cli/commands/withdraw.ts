import type { Command } from 'commander';

import { ApprovalInvalid } from '../../client/errors.ts';
import { action, describe } from '../command.ts';
import { type DecideOptions, withItem } from '../decide.ts';

const description = `Withdraws one of your own requests for a large reveal, approved or not. Audited. You need the managed policy
revealer.`;

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault withdraw 5e0c… --stage prod', [
    'stage',
    'as',
    'url',
  ])
    .argument('<id>', 'of the request, as requests --own shows it')
    .action(
      action<DecideOptions>((options, _, [id = '']) =>
        withItem('reveal', options, async (vault) => {
          const { state } = await vault.withdraw(id).catch((error: unknown) => {
            if (!(error instanceof ApprovalInvalid) || error.problem !== 'used') throw error;
            throw new ApprovalInvalid('it was used already: there is nothing to withdraw', 'used');
          });
          return { exitCode: 0, text: `Request ${id} is ${state}.`, report: { id, state } };
        }),
      ),
    );
}
