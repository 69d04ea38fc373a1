import { execa } from 'execa';

import { readOptions } from './local/usage.ts';

const usage = `npm run test:faults

Sends 100 000 messages through crashes of every kind, and 1 000 a second through a day without a
database, and counts what became of them. It starts a Postgres of its own and takes some minutes.
npm test does the same with fewer messages.`;

readOptions(usage, {});
const { exitCode } = await execa(
  'vitest',
  ['run', '--project', 'faults', '--disable-console-intercept'],
  {
    preferLocal: true,
    env: { FAULTS: 'long' },
    stdio: 'inherit',
    reject: false,
  },
);
process.exitCode = exitCode ?? 1;
