import { parseArgs } from 'node:util';
import { Pool } from 'pg';

import {
  countDataKeys,
  dataKeysToRewrap,
  replaceWrappedKey,
} from '../db/operations/rewrap-keys.ts';
import { createKmsClient, createRewrappingKeyService } from '../lib/crypto/kms.ts';
import { rewrap } from '../lib/operations/rewrap.ts';
import { UserError } from './user-error.ts';
import { main, parsed } from './main.ts';
import { setEnvironment } from '../scripts/local/settings.ts';
import { whereabouts } from './where.ts';

const usage = `npm run rewrap -- --to KEY_ARN [--service pii-vault] [--stage STAGE] [--dry-run]

Wraps every data key anew under the KMS key named, with ReEncrypt: no plaintext leaves KMS, sealed
values stay as they are, and reveal works throughout. It may be broken off at any time; the next
run goes on where it was.

It reads DATABASE_URL (as vault_migrator, who owns the table), or else the local stack's, and works
with the caller's own AWS credentials. These need, for as long as it runs, kms:ReEncryptFrom on the
key the data keys are under now and kms:ReEncryptTo on the new one. The vault's key policies give
that to nobody: add a statement to both, and take it away again.
  - Effect: Allow, Principal: the operator's role, Action: kms:ReEncryptFrom (or To), Resource: '*'
Reveal must be allowed to Decrypt under the new key, and ingest must use it already, or its next
data keys are under the old one. --stage is that of the deployment (local for the local stack).
Exits with 1 when a data key is left under another KMS key, with 2 when it could not work.`;

const keysAtOnce = 10;
const secondsBetweenLines = 2;

/** `npm run rewrap`. Returns the exit code. */
async function rewrapKeys(): Promise<number> {
  const { to, service, stage, dryRun } = readOptions();
  const { variables, aws } = await whereabouts(['DATABASE_URL']);
  const isLocal = aws.endpoint !== undefined;
  if (stage === null && !isLocal) throw new UserError(`Name the --stage.\n\n${usage}`);
  if (aws.endpoint !== undefined && aws.credentials !== undefined) {
    setEnvironment({
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_REGION: aws.region ?? '',
      AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    });
  }
  const pool = new Pool({ connectionString: variables.DATABASE_URL, max: 1 });
  pool.on('error', () => undefined);
  try {
    const todo = await countOthers(pool, to);
    if (dryRun || todo === 0) {
      console.log(`Nothing was changed: ${todo} data keys are under another KMS key.`);
      return 0;
    }
    const scope = { service, stage: stage ?? 'local' };
    const { rewrapped, broken, overtaken } = await rewrap(to, {
      kms: createRewrappingKeyService(createKmsClient(), scope),
      next: (after) => dataKeysToRewrap(pool, to, after, keysAtOnce),
      replace: (key, before) => replaceWrappedKey(pool, key, before),
      progress: progressLines(todo),
    });
    console.log(`${rewrapped} data keys are now under ${to}.`);
    if (overtaken > 0) console.log(`${overtaken} were changed by somebody else in between.`);
    for (const id of broken) console.error(`Data key ${id} does not open for ${scope.stage}.`);
    const left = await countOthers(pool, to);
    if (left > 0) console.error(`${left} data keys are left under another KMS key: run it again.`);
    return left > 0 ? 1 : 0;
  } finally {
    await pool.end();
  }
}

function readOptions(): { to: string; service: string; stage: string | null; dryRun: boolean } {
  const { values } = parsed(
    () =>
      parseArgs({
        options: {
          to: { type: 'string' },
          service: { type: 'string', default: 'pii-vault' },
          stage: { type: 'string' },
          'dry-run': { type: 'boolean', default: false },
        },
      }),
    usage,
  );
  // what an alias stands for may change; rows name the key itself
  if (!/^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/.test(values.to ?? '')) {
    throw new UserError(`--to needs the ARN of a key (arn:…:key/…, no alias).\n\n${usage}`);
  }
  return {
    to: values.to!,
    service: values.service,
    stage: values.stage ?? null,
    dryRun: values['dry-run'],
  };
}

/** Shows which KMS keys wrap how many data keys; returns how many `to` does not wrap. */
async function countOthers(pool: Pool, to: string): Promise<number> {
  let others = 0;
  for (const [arn, count] of await countDataKeys(pool)) {
    console.log(`${String(count).padStart(8)}  ${arn}${arn === to ? ' (the new one)' : ''}`);
    if (arn !== to) others += count;
  }
  return others;
}

function progressLines(total: number): (done: number) => void {
  let last = Date.now();
  return (done) => {
    if (Date.now() - last < secondsBetweenLines * 1000) return;
    last = Date.now();
    console.log(`${done} of ${total}`);
  };
}

await main(rewrapKeys);
