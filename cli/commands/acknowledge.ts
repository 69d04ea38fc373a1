import type { Command } from 'commander';

import type { BreakGlassItem } from '../../lib/requests/approval.ts';
import { action, describe } from '../command.ts';
import { confirm } from '../confirm.ts';
import { type DecideOptions, withItem } from '../decide.ts';
import { reasonOf } from '../reason.ts';
import { pairs } from '../table.ts';
import { UserError } from '../user-error.ts';
import { visible } from '../visible.ts';

const description = `Closes an item of break-glass, after you have found out why somebody revealed values without an approval:
until then the daily round fails. Shows the item, and closes it only if no more was revealed since. You cannot close your
own. Audited, with your reason. You need the managed policy approver.`;

const example =
  "npx pii-vault acknowledge 5e0c… --stage prod --reason 'incident 17, seen with Grace'";

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'as', 'caller', 'yes'])
    .argument('<id>', 'of the item, as requests shows it')
    .action(action<DecideOptions>((options, _, [id = '']) => acknowledge(id, options)));
}

function acknowledge(id: string, options: DecideOptions) {
  return withItem('approve', options, async (vault) => {
    const { breakGlass } = await vault.openItems();
    const item = breakGlass.find((one) => one.id === id);
    if (item === undefined)
      throw new UserError(`No open item of break-glass has the id ${visible(id)}.`);
    console.error(`${describeItem(item)}\n`);
    const reason = await reasonOf(options);
    await confirm('Close this item?', options);
    const { state } = await vault.acknowledge(item, reason);
    const text = `Item ${id} is ${state}.`;
    return { exitCode: 0, text, report: { id, state, tokens: item.tokens } };
  });
}

function describeItem({ usedBy, reason, tokens, firstUsedAt, lastUsedAt }: BreakGlassItem): string {
  return pairs({
    'used by': visible(usedBy),
    reason: visible(reason),
    tokens: `${tokens} revealed`,
    'first used at': firstUsedAt,
    'last used at': lastUsedAt,
  });
}
