import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { run } from './command.ts';
import { Fault } from './fault.ts';
import { copyService } from './service-copy.ts';
import { offlineEnvironment, type Settings } from './settings.ts';
import { program, reasonIn } from './sls.ts';

/**
 * Runs `sls package` for a stage, without credentials and so without AWS, into `output`. Returns
 * the path of the template. Throws `Fault` with what `sls` said.
 */
export async function packageStage(
  { service }: Settings,
  stage: string,
  parameters: Readonly<Record<string, string>>,
  output: string,
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-package-'));
  try {
    const copy = join(directory, 'service');
    await copyService(service, copy);
    const given = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
    const { code, stdout, stderr } = await run(
      process.execPath,
      [await program(), 'package', `--stage=${stage}`, `--package=${output}`, ...given],
      { cwd: copy, env: offlineEnvironment() },
    );
    if (code !== 0) throw new Fault(`sls package failed: ${reasonIn(stdout + stderr)}`);
    return join(output, 'cloudformation-template-update-stack.json');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The parameters that a stage on AWS must have, as stages/prod.example.yml gives them. */
export async function exampleParameters({ service }: Settings): Promise<Record<string, string>> {
  const example = await readFile(join(service, 'stages', 'prod.example.yml'), 'utf8');
  const lines = [...example.matchAll(/^(\w+): (.+)$/gmu)];
  return Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value]));
}

/** Parameters that switch on what a stage on AWS has not by default. */
export const everyOption = {
  auditBucket: 'audit-bucket',
  ingestReservedConcurrency: '10',
  requestReservedConcurrency: '5',
  trail: 'on',
} as const;

/** The template of the optional database, which `sls` has no part in. */
export function databaseTemplate({ service }: Settings): string {
  return join(service, 'infra', 'database', 'template.yml');
}
