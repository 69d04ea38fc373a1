import { type Command, Option } from 'commander';

import { canonical, type PiiKind, piiKinds } from '../../lib/pii-fields.ts';
import { action, describe } from '../command.ts';
import {
  addInquiryOptions,
  type Answer,
  inquire,
  type Inquiry,
  type InquiryOptions,
} from '../inquiry.ts';

interface Options extends InquiryOptions {
  kind: PiiKind;
}

const description = `Finds the tokens of values, to see in user_logins which logins have them. Opens nothing. Values
come on standard input, in a file or in a column of a CSV, or are typed unseen; they are never
arguments. Each look-up is audited under the identity that AWS verifies, with your reason. You need the
managed policy finder. The status is held, or unknown where the vault holds no such value.`;

const example =
  "npx pii-vault tokenize --kind ip --csv addresses.csv --column ip --out tokens.csv --reason 'fraud case 4711'";

export function define(command: Command): void {
  addInquiryOptions(
    describe(command, description, example, ['stage', 'as', 'caller', 'wait', 'input']),
  )
    .addOption(
      new Option('--kind <kind>', 'what the values are').choices(piiKinds).makeOptionMandatory(),
    )
    // taken, so that readInput can say why values are never arguments
    .allowExcessArguments()
    .action(
      action<Options>((options, context, args) =>
        inquire(inquiryOf(options.kind), options, context, args),
      ),
    );
}

function inquiryOf(kind: PiiKind): Inquiry {
  return {
    door: 'tokenize',
    asked: 'value',
    result: 'token',
    columnSuffix: 'token',
    progress: 'Looking up values',
    keyOf: canonical[kind],
    ask: async (vault, values, reason) => {
      const { tokens } = await vault.tokenize(kind, values, reason);
      return new Map<string, Answer>(
        tokens.map(({ token, held }, index) => [
          values[index]!,
          { result: token, status: held ? 'held' : 'unknown', isFound: held },
        ]),
      );
    },
  };
}
