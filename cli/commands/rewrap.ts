import { type Command, InvalidArgumentError } from 'commander';

import {
  countDataKeys,
  dataKeysToRewrap,
  replaceWrappedKey,
} from '../../db/operations/rewrap-keys.ts';
import { createKmsClient, createRewrappingKeyService } from '../../lib/crypto/kms.ts';
import { rewrap, type RewrapReport } from '../../lib/operations/rewrap.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { confirm } from '../confirm.ts';
import { withPool } from '../database.ts';
import { databaseConfig } from '../login.ts';
import { plural } from '../plural.ts';
import { showProgress } from '../progress.ts';
import { checkCaller, checkDestination, keyFault } from '../rewrap-checks.ts';
import { findStage, service } from '../stage.ts';
import { table } from '../table.ts';

interface Options extends CommonOptions {
  to: string;
  dryRun?: true;
}

const description = `Wraps every data key again, under the KMS key of --to. No plaintext leaves KMS, sealed
values stay as they are, and reveal works throughout. It may be cancelled at any time; the next run
goes on where it stopped. Logs in as vault_migrator, who owns the table.

The deployed functions must be allowed to use the new key already: deploy the parameter dataKeyArn
first. Your AWS credentials need kms:ReEncryptFrom on the present key and kms:ReEncryptTo on the new
one while it runs (docs/operations.md, "Rotate the KMS key").`;

const example =
  'npx pii-vault rewrap --stage prod --dry-run \\\n' +
  '    --to arn:aws:kms:eu-west-1:111122223333:key/11111111-1111-4111-8111-111111111111';

const keysAtOnce = 10;

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'yes', 'database'])
    .requiredOption('--to <key-arn>', 'the KMS key, by the ARN of the key (not an alias)', parseArn)
    .option('--dry-run', 'only count the data keys and check the permissions')
    .action(action(run));
}

async function run(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  const { to } = options;
  const stage = await findStage(options.stage);
  await checkDestination(stage, to);
  const config = await databaseConfig(stage, 'vault_migrator', options);
  const client = createKmsClient(stage.aws);
  const kms = createRewrappingKeyService(client, { service, stage: stage.name });
  return withPool(config, async (pool): Promise<Outcome> => {
    const before = await countDataKeys(pool);
    const todo = othersThan(to, before);
    const first = await dataKeysToRewrap(pool, to, null, keysAtOnce);
    await checkCaller(kms, first, to);
    if (options.dryRun === true || todo === 0) {
      const text = `${keyTable(before, to)}\nNothing was changed: ${keysAre(todo)} under another KMS key.`;
      return { exitCode: 0, text, report: { stage: stage.name, to, rewrapped: 0, left: todo } };
    }
    if (stage.local === null) {
      await confirm(`Wrap ${plural(todo, 'data key')} of ${stage.name} under ${to}?`, options);
    }
    ifCancelled(() => 'Every data key is complete. Run the same command again to go on.');
    const progress = showProgress('Wrapping data keys', todo);
    const report = await rewrap(to, {
      kms,
      next: (after) => dataKeysToRewrap(pool, to, after, keysAtOnce),
      replace: (key, previous) => replaceWrappedKey(pool, key, previous),
      progress: progress.update,
      isCancelled: () => signal.aborted,
    })
      .catch((error: unknown) => {
        throw keyFault(error);
      })
      .finally(progress.end);
    return outcome(stage.name, to, report, await countDataKeys(pool));
  }).finally(() => client.destroy());
}

function parseArn(text: string): string {
  // what an alias stands for may change; rows name the key itself
  if (/^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/.test(text)) return text;
  throw new InvalidArgumentError(
    'It is not a KMS key ARN (arn:…:key/…; aliases are not accepted).',
  );
}

function othersThan(to: string, counts: ReadonlyMap<string, number>): number {
  return [...counts].reduce((sum, [arn, count]) => (arn === to ? sum : sum + count), 0);
}

function keyTable(counts: ReadonlyMap<string, number>, to: string): string {
  const rows = [...counts].map(([arn, count]) => ({
    'data keys': count,
    'KMS key': arn === to ? `${arn} (the new one)` : arn,
  }));
  return rows.length === 0 ? 'There are no data keys.' : table(rows);
}

function keysAre(count: number): string {
  return `${plural(count, 'data key')} ${count === 1 ? 'is' : 'are'}`;
}

function outcome(
  stage: string,
  to: string,
  { rewrapped, broken, lost, overtaken }: RewrapReport,
  counts: ReadonlyMap<string, number>,
): Outcome {
  const left = othersThan(to, counts);
  const lines = [keyTable(counts, to), `${keysAre(rewrapped)} now under ${to}.`];
  if (overtaken > 0) lines.push(`${overtaken} were changed by somebody else meanwhile.`);
  const problems = broken.map((id) => `Data key ${id} does not open for ${stage}.`);
  for (const [arn, ids] of lost) {
    problems.push(
      `${plural(ids.length, 'data key')} ${ids.length === 1 ? 'was' : 'were'} left: the KMS key ${arn} is deleted or disabled. ` +
        'Cancel its deletion or enable it, then run this again.',
    );
  }
  if (left > 0) problems.push(`${keysAre(left)} still under another KMS key.`);
  return {
    exitCode: lost.size > 0 ? 2 : left > 0 ? 1 : 0,
    text: lines.join('\n'),
    problems,
    report: { stage, to, rewrapped, left, broken, overtaken, lost: Object.fromEntries(lost) },
  };
}
