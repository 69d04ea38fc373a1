import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type { ColdStart } from './cold-process.ts';

const run = promisify(execFile);

// nothing answers at port 1: what needs the database or AWS fails there, on this machine
const environment = {
  DATABASE_AUTH: 'password',
  DATABASE_HOST: '127.0.0.1',
  DATABASE_PORT: '1',
  DATABASE_NAME: 'vault',
  DATABASE_USER: 'bench',
  DATABASE_PASSWORD: 'bench',
  DATABASE_TLS: 'off',
  VAULT_SERVICE: 'pii-vault',
  VAULT_STAGE: 'bench',
  TOKEN_KEY_ARNS: '1=arn:aws:kms:eu-central-1:000000000000:key/token',
  DATA_KEY_ARN: 'arn:aws:kms:eu-central-1:000000000000:key/data',
  NETWORK_TOKENS: 'off',
  DIRECT_REVEAL: 'on',
  REVEAL_QUOTA_PER_HOUR: '1000',
  REVEAL_CAP_PER_HOUR: '5000',
  TOKENIZE_QUOTA_PER_HOUR: '10000',
  TOKENIZE_CAP_PER_HOUR: '50000',
  ERASE_QUOTA_PER_HOUR: '10000',
  ERASE_CAP_PER_HOUR: '50000',
  BREAK_GLASS_CAP_PER_HOUR: '5000',
  REVEAL_APPROVAL_ABOVE: '',
  APPROVAL_EXPIRY_IN_HOURS: '24',
  TOKEN_ROTATION: 'off',
  DEAD_LETTER_QUEUE_URL: 'http://127.0.0.1:1/000000000000/dead',
  AWS_REGION: 'eu-central-1',
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
  LOG_LEVEL: 'INFO',
};

/** A function's code, and its starts. */
export interface Started {
  name: string;
  code: { file: string };
  measured: ColdStart[];
}

/** In turns, so that what disturbs the machine disturbs all of them; the first fills the file cache. */
export async function startInTurns(
  starter: string,
  bundles: readonly Started[],
  starts: number,
): Promise<void> {
  for (let start = -1; start < starts; start += 1) {
    for (const { name, code, measured } of bundles) {
      const result = await startOnce(starter, name, code.file);
      if (start >= 0) measured.push(result);
    }
  }
}

async function startOnce(starter: string, name: string, file: string): Promise<ColdStart> {
  const { stdout } = await run(process.execPath, [starter, name, file], {
    env: { ...process.env, ...environment },
  }).catch((error: unknown) => {
    // what a process prints that ends holds its whole bundle
    const cause = /InvalidConfig: .*/.exec(String(error))?.[0] ?? 'its process ended';
    throw new Error(`${name} did not start: ${cause}`);
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as ColdStart;
}
