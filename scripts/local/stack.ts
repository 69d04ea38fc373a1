import {
  findEmulator,
  isEmulatorUp,
  removeEmulator,
  startEmulator,
  type EmulatorKind,
} from './emulator.ts';
import { type LocalDatabase, opensWith } from './database.ts';
import { UserError } from '../../cli/user-error.ts';
import { pythonWith } from './python.ts';
import { isTaken } from './ports.ts';
import { isClusterUp, removeCluster } from './cluster.ts';
import { startPostgres } from './postgres.ts';
import type { Settings } from './settings.ts';
import { addState, forgetState, readState } from './state.ts';

/** The password that docker-compose.yml gives its Postgres. */
const composePassword = 'local-only';

/** What the vault is deployed to on this machine. */
export interface Ground {
  emulator: EmulatorKind;
  database: LocalDatabase;
}

/**
 * Finds the stack that an earlier start left up; returns settings with its ports, or null. Ends
 * what is left of half a stack: with the emulator its keys are lost, and so are the data.
 */
export async function findStack(settings: Settings): Promise<Settings | null> {
  const { emulator, emulatorHost, emulatorPort, postgres } = await readState(settings);
  if (emulator === undefined && postgres === undefined) return null;
  const isWhole =
    (emulator === undefined || (await isEmulatorUp(emulator))) &&
    (postgres === undefined || (await isClusterUp(postgres)));
  if (!isWhole) {
    await removeStack(settings);
    return null;
  }
  return {
    ...settings,
    endpoint:
      emulator === undefined ? settings.endpoint : new URL(`${emulatorHost}:${emulatorPort}`),
    databasePort: postgres?.port ?? settings.databasePort,
  };
}

/** The database: this stack's own, docker-compose's where that is up, or else a new one. */
export async function standUpDatabase(settings: Settings): Promise<LocalDatabase> {
  const { postgres } = await readState(settings);
  if (postgres !== undefined) return { host: '127.0.0.1', ...postgres };

  const composed = { host: '127.0.0.1', port: settings.databasePort, password: composePassword };
  if ((await isTaken(composed.port)) && (await opensWith(composed))) return composed;
  return { host: '127.0.0.1', ...(await startPostgres(settings)) };
}

/** Why no emulator could be had. */
export interface NoEmulator {
  obstacle: string;
}

/** The emulator: whichever answers, or else a MiniStack of this stack's own, or why there is none. */
export async function standUpEmulator(settings: Settings): Promise<EmulatorKind | NoEmulator> {
  const found = await findEmulator(settings);
  if (found !== null) return found;
  let python;
  try {
    python = await pythonWith('ministack', settings);
  } catch (error) {
    if (error instanceof UserError) return { obstacle: error.message };
    throw error;
  }
  await startEmulator(settings, python);
  return 'MiniStack';
}

/**
 * Writes down for `sls` where the emulator is, and where functions find the database. Throws
 * `UserError` where they cannot reach it.
 */
export async function describeGround(
  settings: Settings,
  { emulator, database }: Ground,
): Promise<void> {
  const { postgres } = await readState(settings);
  if (emulator === 'LocalStack' && postgres !== undefined) {
    throw new UserError(
      `LocalStack answers at ${settings.endpoint.origin}, but not its Postgres, which its ` +
        'functions need: docker compose up -d --wait brings both.',
    );
  }
  await addState(settings, {
    emulatorHost: `${settings.endpoint.protocol}//${settings.endpoint.hostname}`,
    emulatorPort: Number(settings.endpoint.port),
    databasePassword: database.password,
    // LocalStack's functions run in containers of docker-compose.yml's network
    databaseHost: emulator === 'LocalStack' ? 'postgres' : database.host,
    databasePort: emulator === 'LocalStack' ? 5432 : database.port,
  });
}

/** Ends all that this stack started. Returns whether there was anything. */
export async function removeStack(settings: Settings): Promise<boolean> {
  const { emulator, postgres } = await readState(settings);
  if (emulator !== undefined) await removeEmulator(emulator);
  if (postgres !== undefined) await removeCluster(postgres);
  await forgetState(settings);
  return emulator !== undefined || postgres !== undefined;
}
