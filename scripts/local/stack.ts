import { existsSync } from 'node:fs';

import {
  findEmulator,
  isEmulatorUp,
  removeEmulator,
  startEmulator,
  stopEmulator,
  type EmulatorKind,
} from './emulator.ts';
import { type LocalDatabase, opensWith } from './database.ts';
import { UserError } from '../../cli/user-error.ts';
import { rolePasswords } from './passwords.ts';
import { removeIdentities } from './identities.ts';
import { pythonWith } from './python.ts';
import { isTaken } from './ports.ts';
import { isClusterUp, removeCluster, stopCluster } from './cluster.ts';
import { resumePostgres, startPostgres } from './postgres.ts';
import type { Settings } from './settings.ts';
import { addState, forgetState, readState, removeEnvFiles } from './state.ts';

/** The local services that the vault is deployed to. */
export interface LocalServices {
  emulator: EmulatorKind;
  database: LocalDatabase;
}

/** A stack of an earlier start. */
export interface FoundStack {
  /** With its ports. */
  settings: Settings;
  /** It is stopped, and its data were kept. */
  isKept: boolean;
}

/**
 * Finds the stack that an earlier start left up, or whose data a stop kept; or null. A database that
 * has ended is part of it, and `ensureDatabase` starts it again. Without the emulator its keys are lost,
 * and so are the data: what is left is removed. `tell` is given a sentence about what has ended.
 */
export async function findStack(
  settings: Settings,
  tell: (found: string) => void = () => undefined,
): Promise<FoundStack | null> {
  const {
    emulator,
    emulatorHost,
    emulatorPort,
    postgres,
    isKept = false,
  } = await readState(settings);
  if (emulator === undefined && postgres === undefined) return null;
  const isThere = [emulator, postgres].every((part) => part === undefined || existsSync(part.home));
  const isEmulatorLost = !isKept && emulator !== undefined && !(await isEmulatorUp(emulator));
  if (!isThere || isEmulatorLost) {
    tell(
      isThere
        ? 'The AWS emulator of the last start has ended, and its keys with it: what was stored could not ' +
            'be revealed any more. Its data are deleted, and a new stack starts.'
        : 'The files of the last start are gone: a new stack starts.',
    );
    await removeStack(settings);
    return null;
  }
  if (!isKept && postgres !== undefined && !(await isClusterUp(postgres))) {
    tell('Postgres of the last start has ended without npm stop: it starts again, with its data.');
  }
  const endpoint =
    emulator === undefined ? settings.endpoint : new URL(`${emulatorHost}:${emulatorPort}`);
  const databasePort = postgres?.port ?? settings.databasePort;
  return { settings: { ...settings, endpoint, databasePort }, isKept };
}

/** The database: this stack's own, docker-compose's where that is up, or else a new one. */
export async function ensureDatabase(settings: Settings): Promise<LocalDatabase> {
  const { postgres } = await readState(settings);
  if (postgres !== undefined) {
    await resumePostgres(postgres);
    return localDatabase(settings, postgres);
  }
  const composed = { port: settings.databasePort, password: settings.composePassword };
  if (await isTaken(composed.port)) {
    const database = await localDatabase(settings, composed);
    if (await opensWith(database)) return database;
  }
  return localDatabase(settings, await startPostgres(settings));
}

/** The database of a Postgres on this machine, with this password of its superuser. */
export async function localDatabase(
  settings: Settings,
  { port, password }: { port: number; password: string },
): Promise<LocalDatabase> {
  const passwords = { postgres: password, ...(await rolePasswords(settings)) };
  return { host: '127.0.0.1', port, passwords };
}

/** Why there is no emulator. */
export interface NoEmulator {
  obstacle: string;
}

/** The emulator: whichever answers, or else a MiniStack of this stack's own, or why there is none. */
export async function ensureEmulator(settings: Settings): Promise<EmulatorKind | NoEmulator> {
  const found = await findEmulator(settings);
  const { emulator } = await readState(settings);
  if (found !== null && emulator !== undefined && !(await isEmulatorUp(emulator))) {
    throw new UserError(
      `Another ${found} answers at ${settings.endpoint.origin}, where the data that were kept ` +
        'belong: stop it, or delete the data with npm stop.',
    );
  }
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
 * Saves for `sls` where the emulator is, and where functions find the database. Throws
 * `UserError` where they cannot reach it.
 */
export async function saveServices(
  settings: Settings,
  { emulator, database }: LocalServices,
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
    // LocalStack's functions run in containers of docker-compose.yml's network
    databaseHost: emulator === 'LocalStack' ? 'postgres' : database.host,
    databasePort: emulator === 'LocalStack' ? 5432 : database.port,
    isKept: false,
  });
}

/** Ends all that this stack started, and keeps its data for the next start. */
export async function keepStack(settings: Settings): Promise<boolean> {
  const { emulator, postgres } = await readState(settings);
  if (emulator === undefined && postgres === undefined) return false;
  if (emulator !== undefined) await stopEmulator(emulator);
  if (postgres !== undefined && (await isClusterUp(postgres))) await stopCluster(postgres);
  await addState(settings, { isKept: true });
  await removeEnvFiles(settings);
  return true;
}

/** Ends all that this stack started, and deletes its data. Returns whether there was anything. */
export async function removeStack(settings: Settings): Promise<boolean> {
  const { emulator, postgres } = await readState(settings);
  if (emulator !== undefined) await removeEmulator(emulator);
  if (postgres !== undefined) await removeCluster(postgres);
  await forgetState(settings);
  await removeIdentities(settings);
  return emulator !== undefined || postgres !== undefined;
}
