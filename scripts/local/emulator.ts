import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { UserError } from '../../cli/user-error.ts';
import { isTaken } from './ports.ts';
import { endGroup, isRunning } from './processes.ts';
import { localAws, searchPath, type Settings } from './settings.ts';
import { addState, type EmulatorState, readState } from './state.ts';

export type EmulatorKind = 'MiniStack' | 'LocalStack';

const launcher = fileURLToPath(new URL('../python/ministack_like_aws.py', import.meta.url));
const maxStartMs = 30_000;

/** Which emulator answers on the endpoint; null when nothing listens. Throws `UserError` at a stranger. */
export async function findEmulator({ endpoint }: Settings): Promise<EmulatorKind | null> {
  if (await answers(new URL('/_ministack/health', endpoint))) return 'MiniStack';
  if (await answers(new URL('/_localstack/health', endpoint))) return 'LocalStack';
  if (!(await isTaken(Number(endpoint.port)))) return null;
  throw new UserError(
    `Port ${endpoint.port}, which the AWS emulator needs, is taken by something else. ` +
      'Stop that, or set VAULT_EMULATOR_PORT or AWS_ENDPOINT_URL to another port.',
  );
}

/**
 * Starts MiniStack, detached, and waits until it answers; with the state of one that was kept, if
 * there is such. Throws `UserError`.
 */
export async function startEmulator(settings: Settings, python: string): Promise<EmulatorState> {
  const { endpoint } = settings;
  if (!['127.0.0.1', 'localhost'].includes(endpoint.hostname)) {
    throw new UserError(
      `Nothing answers at ${endpoint.origin}, and an emulator can start only here`,
    );
  }
  const logs = join(settings.directory, 'log');
  await mkdir(logs, { recursive: true });
  const log = await open(join(logs, 'emulator.log'), 'w', 0o600);
  // away from this repository: its package.json and modules would change what functions load
  const { emulator: kept } = await readState(settings);
  const home = kept?.home ?? (await mkdtemp(join(tmpdir(), 'pii-vault-emulator-')));
  const child = spawn(python, [launcher], {
    cwd: home,
    detached: true,
    env: environment(settings, home),
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  if (child.pid === undefined) throw new UserError('MiniStack cannot be started');
  const state = { pid: child.pid, home };
  await addState(settings, { emulator: state });
  child.unref();

  const health = new URL('/_ministack/health', endpoint);
  for (const deadline = Date.now() + maxStartMs; Date.now() < deadline; await sleep(50)) {
    if (await answers(health)) return state;
    if (child.exitCode !== null) break;
  }
  throw new UserError(`MiniStack does not start: see ${join(logs, 'emulator.log')}`);
}

export function isEmulatorUp({ pid }: EmulatorState): Promise<boolean> {
  return isRunning(pid, launcher);
}

/** Ends the emulator and the functions it runs. What it holds, keys and queues, stays in its home. */
export async function stopEmulator(state: EmulatorState): Promise<void> {
  if (await isEmulatorUp(state)) await endGroup(state.pid);
}

/** Ends the emulator, and removes what it left. */
export async function removeEmulator(state: EmulatorState): Promise<void> {
  await stopEmulator(state);
  await rm(state.home, { recursive: true, force: true });
}

// lean and private: the functions inherit it, and see nothing of this shell
function environment({ endpoint, enforceIam }: Settings, home: string): NodeJS.ProcessEnv {
  return {
    // functions run on this very Node
    PATH: [dirname(process.execPath), searchPath()].join(delimiter),
    HOME: home,
    TMPDIR: home,
    BIND_HOST: '127.0.0.1',
    GATEWAY_PORT: endpoint.port,
    MINISTACK_HOST: endpoint.hostname,
    MINISTACK_REGION: localAws.region,
    AUTH: String(enforceIam),
    IOT_MTLS_ENABLED: '0',
    SFTP_ENABLED: '0',
    NODE_NO_WARNINGS: '1',
    LOG_LEVEL: 'INFO',
    // written when it is asked to end
    PERSIST_STATE: '1',
    STATE_DIR: join(home, 'state'),
  };
}

async function answers(health: URL): Promise<boolean> {
  try {
    const response = await fetch(health, { signal: AbortSignal.timeout(2_000) });
    const body: unknown = await response.json();
    return response.ok && typeof body === 'object' && body !== null && 'services' in body;
  } catch {
    return false;
  }
}
