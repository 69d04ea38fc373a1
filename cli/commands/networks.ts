import { type Command, Option } from 'commander';

import {
  addressesWithoutNetworks,
  countNetworks,
  recordOpenedAddresses,
  writeNetworks,
} from '../../db/operations/fill-networks.ts';
import { createOpeningKeys } from '../../lib/crypto/data-key.ts';
import {
  createKmsClient,
  createOpeningKeyService,
  createTokenRootService,
} from '../../lib/crypto/kms.ts';
import { createTokenizerSource } from '../../lib/crypto/token.ts';
import { KeyServiceError } from '../../lib/errors.ts';
import { fillNetworks, type FillReport } from '../../lib/operations/fill-networks.ts';
import { callerArn, findCaller } from '../caller.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { confirm } from '../confirm.ts';
import { withPool } from '../database.ts';
import { databaseConfig } from '../login.ts';
import { showProgress } from '../progress.ts';
import { deployedKeys, otherPresentKey } from '../rotation-keys.ts';
import { findStage, service } from '../stage.ts';
import { UserError } from '../user-error.ts';

interface Options extends CommonOptions {
  fill?: true;
}

const description = `Counts the addresses that have no row in public.ip_networks, because they were sealed before the
stage had networkTokens. With --fill, opens them and writes the tokens of their networks; the audit says how
many you opened. It may be cancelled; the next run goes on. Logs in as vault_migrator, who owns the tables.

Your AWS credentials need kms:Decrypt on the data key and kms:GenerateMac on the token key while it
runs (docs/operations.md, "Write the networks of older addresses").`;

const addressesAtOnce = 1000;

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault networks --stage prod --fill', [
    'stage',
    'yes',
    'database',
  ])
    .option('--fill', 'open the addresses, and write their networks')
    .addOption(new Option('--dry-run', 'only count, as without --fill').conflicts('fill'))
    .action(action(run));
}

async function run(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  const stage = await findStage(options.stage);
  const config = await databaseConfig(stage, 'vault_migrator', options);
  return withPool(config, async (pool): Promise<Outcome> => {
    const { addresses, filled, ...present } = await countNetworks(pool);
    const todo = Math.max(0, addresses - filled);
    if (options.fill !== true || todo === 0) {
      const text = `Addresses: ${addresses}. With their networks: ${filled}. Without: ${todo}.`;
      return { exitCode: 0, text, report: { stage: stage.name, addresses, filled, written: 0 } };
    }
    const principal = await callerArn(await findCaller(stage, {}));
    if (principal === null) throw new UserError('AWS does not accept your credentials.');
    if (stage.local === null)
      await confirm(`Open ${todo} address${todo === 1 ? '' : 'es'} of ${stage.name}?`, options);
    const arns = await deployedKeys(stage);
    const otherKey = otherPresentKey(stage, present, arns);
    if (otherKey !== null) throw new UserError(otherKey);
    const client = createKmsClient(stage.aws);
    ifCancelled(() => 'What was written is complete. Run the same command again to go on.');
    const progress = showProgress('Opening addresses', todo);
    try {
      const tokenizer = await createTokenizerSource(createTokenRootService(client, arns))(
        present.generation,
      );
      const report = await fillNetworks({
        next: (after) => addressesWithoutNetworks(pool, after, addressesAtOnce),
        record: (values) => recordOpenedAddresses(pool, principal, values),
        keys: createOpeningKeys(createOpeningKeyService(client, { service, stage: stage.name })),
        tokenizer,
        write: (rows) => writeNetworks(pool, rows),
        progress: progress.update,
        isCancelled: () => signal.aborted,
      });
      return outcome(stage.name, report, await countNetworks(pool));
    } catch (error) {
      throw keyFault(error);
    } finally {
      progress.end();
      client.destroy();
    }
  });
}

function outcome(
  stage: string,
  { written, broken }: FillReport,
  { addresses, filled }: { addresses: number; filled: number },
): Outcome {
  const problems = broken.map((token) => `The sealed value of ${token} does not open.`);
  return {
    exitCode: broken.length > 0 ? 2 : 0,
    text: `Wrote the networks of ${written} address${written === 1 ? '' : 'es'}. With their networks: ${filled} of ${addresses}.`,
    problems,
    report: { stage, addresses, filled, written, broken },
  };
}

function keyFault(error: unknown): unknown {
  if (!(error instanceof KeyServiceError && error.exception === 'AccessDeniedException')) {
    return error;
  }
  return new UserError(
    'Access denied: KMS does not let your AWS credentials open addresses. They need kms:Decrypt on the ' +
      'data key and kms:GenerateMac on the token key (docs/operations.md, "Write the networks of older addresses").',
  );
}
