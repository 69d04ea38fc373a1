import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';

import { deadEmulator } from '../../../cli/dead-emulator.ts';
import { startLoopbackServer } from '../../helpers/loopback-server.ts';

afterEach(() => vi.unstubAllEnvs());

async function saidOf(endpoint: string): Promise<string | null> {
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-emulator-'));
  await writeFile(join(directory, 'env'), `AWS_ENDPOINT_URL=${endpoint}\n`);
  vi.stubEnv('VAULT_LOCAL_DIR', directory);
  try {
    return await deadEmulator('local', 'The queue: no answer (TimeoutError)');
  } finally {
    await rm(directory, { recursive: true });
  }
}

it('names an emulator that takes connections and never answers', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await saidOf(`http://127.0.0.1:${port}`)).toContain('takes connections and hangs');
  server.close();
});

it('names one that has ended, and none that answers with an error', async () => {
  const { origin, close } = await startLoopbackServer(async (_, response) =>
    response.writeHead(500).end(),
  );
  expect(await saidOf(origin)).toBeNull();
  await close();
  expect(await saidOf(origin)).toContain('npm start deletes its data');
});
