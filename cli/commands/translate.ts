import type { Command } from 'commander';

import { currentTokens } from '../../db/operations/rotation.ts';
import { DatabaseError } from '../../lib/errors.ts';
import { kindOfToken } from '../../lib/crypto/token.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { csvLine, withColumn } from '../csv.ts';
import { interruptible, withPool } from '../database.ts';
import { type InputOptions, readInput } from '../input.ts';
import { lineList, notToken } from '../line-list.ts';
import { databaseConfig } from '../login.ts';
import { plural } from '../plural.ts';
import { writePrivateFile } from '../private-file.ts';
import { findStage } from '../stage.ts';
import { table } from '../table.ts';
import { UserError } from '../user-error.ts';

interface Options extends CommonOptions, InputOptions {
  out?: string;
  newColumn?: string;
}

const description = `Finds the present names of tokens that were made under the former token key: after rotate has
replaced the key, and before rotate --finish. Opens nothing. Tokens are arguments, lines of a file or of standard
input, or a column of a CSV, to which a column is added. Logs in as vault_analyst.`;

const example =
  'npx pii-vault translate --csv cases.csv --column masked_ip --out cases-now.csv --stage prod';

const atOnce = 10_000;

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'input', 'database'])
    .argument('[tokens...]', 'tokens of user_logins')
    .option('--out <file>', 'write the answers to a new file that only you may read')
    .option('--new-column <name>', 'the name of the column that is added to a CSV')
    .action(action(run));
}

async function run(options: Options, { signal }: Context, args: string[]): Promise<Outcome> {
  const stage = await findStage(options.stage);
  const input = await readInput(options, args, false);
  const tokens = [...new Set(input.items.map(({ text }) => text.trim()))].filter(
    (text) => kindOfToken(text) !== null,
  );
  if (input.items.length === 0) throw new UserError('There is no token to translate.');
  const names = new Map<string, string>();
  const config = await databaseConfig(stage, 'vault_analyst', options);
  await withPool(interruptible(config, signal), async (pool) => {
    for (let start = 0; start < tokens.length; start += atOnce) {
      const chunk = tokens.slice(start, start + atOnce);
      const found = await currentTokens(pool, chunk).catch(refuse(stage.name));
      for (const [index, name] of found.entries())
        if (name !== null) names.set(chunk[index]!, name);
    }
  });
  const rows = input.items.map((item) => {
    const token = item.text.trim();
    const name = names.get(token) ?? null;
    const status = kindOfToken(token) === null ? 'malformed' : name === null ? 'unknown' : 'known';
    return { ...item, token, name, status };
  });
  const byLine = new Map(rows.map(({ line, name }) => [line, name]));
  const columnName = options.newColumn ?? `${options.column}_current`;
  const csv =
    input.csv === null
      ? [['token', 'current_token'], ...rows.map(({ token, name }) => [token, name])]
          .map(csvLine)
          .join('')
      : withColumn(input.csv, columnName, ({ line }) => byLine.get(line) ?? '');
  if (options.out !== undefined) await writePrivateFile(options.out, csv);
  const shown = rows.map(({ token, name }) => ({ token, 'current token': name }));
  const problems = ['malformed', 'unknown'].flatMap((status) => {
    const of = rows.filter((row) => row.status === status);
    const what = status === 'malformed' ? notToken : 'it has no present name';
    return of.length === 0 ? [] : [`${lineList(of, input.place)}: ${what}.`];
  });
  const text =
    options.out !== undefined
      ? `Translated ${plural(names.size, 'token')}.`
      : input.csv === null
        ? table(shown)
        : String(csv).trimEnd();
  return {
    exitCode: problems.length > 0 ? 1 : 0,
    text,
    problems,
    report: {
      stage: stage.name,
      tokens: rows.map(({ token, name }) => ({ token, currentToken: name })),
    },
  };
}

/** Without a rotation, analysts have no right to ask, and no token has another name. */
function refuse(stage: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof DatabaseError && ['42501', '3F000', '42883'].includes(error.state ?? '')) {
      throw new UserError(
        `No rotation of the token key is under way on ${stage}: tokens of former generations cannot be translated any more.`,
      );
    }
    throw error;
  };
}
