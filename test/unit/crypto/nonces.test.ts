import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const container = fileURLToPath(new URL('../../helpers/seal-nonces.ts', import.meta.url));
const sealsEach = 250_000;

it(
  'uses no nonce twice in a million seals of four containers at once',
  { timeout: 60_000 },
  async () => {
    const outputs = await Promise.all(
      Array.from({ length: 4 }, () =>
        promisify(execFile)(process.execPath, ['--import', 'tsx', container, String(sealsEach)], {
          encoding: 'buffer',
          maxBuffer: 64 * 1024 * 1024,
        }),
      ),
    );
    const nonces = new Set<string>();
    for (const { stdout } of outputs) {
      for (let at = 0; at < stdout.length; at += 12)
        nonces.add(stdout.toString('latin1', at, at + 12));
    }
    expect(nonces.size).toBe(4 * sealsEach);
  },
);
