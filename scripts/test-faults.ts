import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { readOptions } from './local/usage.ts';

const usage = `npm run test:faults

Sends 100 000 messages through crashes of every kind, and counts what became of them. It starts a
Postgres of its own and takes some minutes. npm test does the same with fewer messages.`;

readOptions(usage, {});
const vitest = join(
  dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
  'vitest.mjs',
);
const child = spawn(process.execPath, [vitest, 'run', '--project', 'faults'], {
  env: { ...process.env, FAULTS: 'long' },
  stdio: 'inherit',
});
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
