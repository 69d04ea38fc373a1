import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { isClusterUp } from '../../../scripts/local/cluster.ts';
import { opensWith } from '../../../scripts/local/database.ts';
import { readSettings, type Settings } from '../../../scripts/local/settings.ts';
import { ensureDatabase, findStack, removeStack } from '../../../scripts/local/stack.ts';
import { addState, readState } from '../../../scripts/local/state.ts';
import { freePort } from '../../helpers/postgres.ts';

let directory: string;
let settings: Settings;
let told: string[];
const find = () => findStack(settings, (found) => told.push(found));
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pii-vault-stack-'));
  const VAULT_DATABASE_PORT = String(await freePort());
  settings = readSettings({ VAULT_LOCAL_DIR: directory, VAULT_DATABASE_PORT });
  told = [];
});
afterEach(async () => {
  await removeStack(settings);
  await rm(directory, { recursive: true, force: true });
});

/** SIGKILL to Postgres's first process, and waits until it is gone. */
async function crash(): Promise<void> {
  const { postgres } = await readState(settings);
  const [pid = ''] = (await readFile(join(postgres!.home, 'data', 'postmaster.pid'), 'utf8')).split(
    '\n',
  );
  process.kill(Number(pid), 'SIGKILL');
  while (await isClusterUp(postgres!)) await sleep(20);
}

it('says that Postgres has ended, and starts it again with its data', async () => {
  await ensureDatabase(settings);
  expect(await find()).not.toBeNull();
  expect(told).toEqual([]);

  await crash();
  expect(await find()).toMatchObject({ isKept: false });
  expect(told).toEqual([
    'Postgres of the last start has ended without npm stop: it starts again, with its data.',
  ]);
  // the other processes of the one that was killed hold its memory for a moment
  const database = await vi.waitFor(() => ensureDatabase(settings), { timeout: 20_000 });
  expect(await opensWith(database)).toBe(true);
});

it('says that the emulator has ended, and removes what cannot be opened without its keys', async () => {
  await ensureDatabase(settings);
  const home = await mkdtemp(join(directory, 'emulator-'));
  await addState(settings, { emulator: { pid: 2 ** 22 + 1, home } });
  expect(await find()).toBeNull();
  expect(told).toEqual([expect.stringContaining('The AWS emulator of the last start has ended')]);
  expect(await readState(settings)).toEqual({});
});
