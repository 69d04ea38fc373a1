import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { UserError } from './user-error.ts';

const script = fileURLToPath(new URL('../scripts/set-rotation.ts', import.meta.url));

/**
 * Deploys the local stage again, with these values of the parameters `rotation` and `tokenGeneration`,
 * and migrates its database. Throws `UserError`.
 */
export async function deployLocally(rotation: 'on' | 'off', generation: number): Promise<void> {
  if (!existsSync(script)) throw new UserError('The local stage is deployed from the repository.');
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', script, '--rotation', rotation, '--generation', String(generation)],
    { stdio: ['ignore', 'ignore', 'pipe'], cwd: fileURLToPath(new URL('..', import.meta.url)) },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) {
    const last = said.trim().split('\n').at(-1) ?? '';
    throw new UserError(`The local stage could not be deployed: ${last}`);
  }
}
