import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

import { run } from './command.ts';
import { UserError } from '../../cli/user-error.ts';
import { copyService } from './service-copy.ts';
import { offlineEnvironment, type Settings } from './settings.ts';
import { program, reasonIn, reportOfError } from './sls.ts';

/**
 * Runs `sls package` for a stage, without credentials and so without AWS, into `output`. The stage's
 * file, in the copy that is packaged, is one with these parameters; null leaves it as it is. Returns
 * the path of the template. Throws `UserError` with what `sls` said.
 */
export async function packageStage(
  { service }: Settings,
  stage: string,
  parameters: Readonly<Record<string, string>> | null,
  output: string,
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-package-'));
  try {
    const copy = join(directory, 'service');
    await copyService(service, copy);
    if (parameters !== null) {
      const lines = Object.entries(parameters).map(([name, value]) => `${name}: ${value}\n`);
      await writeFile(join(copy, 'stages', `${stage}.yml`), lines.join(''));
    }
    const { code, stdout, stderr } = await run(
      process.execPath,
      [await program(), 'package', `--stage=${stage}`, `--package=${output}`],
      // it leaves its bundles where temporary files go
      {
        cwd: copy,
        env: { ...offlineEnvironment(), TMPDIR: directory },
        lastLine: reportOfError,
      },
    );
    if (code !== 0) throw new UserError(`sls package failed: ${reasonIn(stdout + stderr)}`);
    return join(output, 'cloudformation-template-update-stack.json');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The parameters that a stage on AWS must have, as stages/prod.example.yml gives them. */
export async function exampleParameters({ service }: Settings): Promise<Record<string, string>> {
  const example = await readFile(join(service, 'stages', 'prod.example.yml'), 'utf8');
  return parse(example) as Record<string, string>;
}

/** Parameters that switch on what a stage on AWS has not by default. */
export const everyOption = {
  auditBucket: 'audit-bucket',
  ingestReservedConcurrency: '10',
  requestReservedConcurrency: '5',
  trail: 'on',
  networkTokens: 'on',
  sealedRetentionInDays: '400',
  dataKeyArn: 'arn:aws:kms:eu-west-1:222222222222:key/33333333-3333-4333-8333-333333333333',
  formerDataKeyArns:
    'arn:aws:kms:eu-west-1:111111111111:key/11111111-1111-4111-8111-111111111111,' +
    'arn:aws:kms:eu-west-1:111111111111:key/22222222-2222-4222-8222-222222222222',
} as const;

/** The template of the optional database, which `sls` has no part in. */
export function databaseTemplate({ service }: Settings): string {
  return join(service, 'infra', 'database', 'template.yml');
}
