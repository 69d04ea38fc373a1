import type { Command } from 'commander';

import { auditTables, estimateRows, valueTables } from '../../db/operations/copy-tables.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { interruptible, withClient } from '../database.ts';
import { writeDump } from '../dump.ts';
import { databaseConfig } from '../login.ts';
import { showProgress } from '../progress.ts';
import { findStage } from '../stage.ts';
import { pairs } from '../table.ts';

interface Options extends CommonOptions {
  to: string;
  auditOnly?: true;
}

const description = `Writes all tables of the vault, as they are at one moment, into a new directory: one
file per table, in the text format of Postgres's COPY. Values stay sealed: without the KMS key nobody
can open them. Logs in as vault_migrator, who owns the tables.`;

export function define(command: Command): void {
  const example = 'npx pii-vault backup --stage prod --to ./dump';
  describe(command, description, example, ['stage', 'database'])
    .requiredOption('--to <directory>', 'the new directory')
    .option('--audit-only', 'only the audit: what restoring an older copy needs besides')
    .action(action(run));
}

async function run(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  ifCancelled(() => `Nothing was left in ${options.to}: run it again.`);
  const stage = await findStage(options.stage);
  const config = await databaseConfig(stage, 'vault_migrator', options);
  return withClient(interruptible(config, signal), async (client): Promise<Outcome> => {
    const auditOnly = options.auditOnly === true;
    const names = [...(auditOnly ? [] : valueTables), ...auditTables];
    const progress = showProgress('Copying rows', (await estimateRows(client, names)) || null);
    const { tables, audit } = await writeDump(client, options.to, {
      auditOnly,
      progress: progress.update,
    }).finally(progress.end);
    const rows = Object.fromEntries(
      Object.entries(tables).map(([name, table]) => [name, table.rows]),
    );
    const text = `${pairs(rows)}\nWritten to ${options.to}. head ${audit.id}:${audit.hash}`;
    return {
      exitCode: 0,
      text,
      report: { stage: stage.name, directory: options.to, rows, head: audit },
    };
  });
}
