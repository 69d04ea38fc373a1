import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

const deployed = ['serverless.yml', 'package.json', 'infra', 'stages', 'functions', 'lib', 'db'];

/**
 * Copies what `sls` reads of a service to `target`: it writes beside serverless.yml what another
 * `sls` there would overwrite.
 */
export async function copyService(service: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const name of deployed) {
    await cp(join(service, name), join(target, name), { recursive: true });
  }
  await symlink(join(service, 'node_modules'), join(target, 'node_modules'));
}
