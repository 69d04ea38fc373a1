import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { initialiseCluster, prepareCluster } from '../../scripts/local/cluster.ts';
import { openDatabase, type TestDatabase } from './database.ts';
import {
  createMigratedDatabase,
  freePort,
  postgresDistribution,
  testPassword,
} from './postgres.ts';

const maxRestarts = 1_000;
const maxStopMs = 5_000;

/** A Postgres with one migrated database, which can be killed and started again on its data. */
export interface CrashingPostgres {
  /** Its pools live through a crash; those of `as` open no connection before they are used. */
  database: TestDatabase;
  /** Holds the data directory and all that the server logged. */
  directory: string;
  /** SIGKILL to the server and to all its processes; starts it again after `downMs`. */
  crash: (downMs: number) => Promise<void>;
  /** Stops the server as an administrator does, sessions or not; starts it again after `downMs`. */
  restart: (downMs: number) => Promise<void>;
  /** SIGKILL to a backend at work for this role, after which the server resets all others. */
  killBackend: (role: string) => Promise<boolean>;
  /** Returns once it answers again after a crash. */
  untilReady: () => Promise<void>;
  /** What the server wrote to its log. */
  log: () => string;
  stop: () => Promise<void>;
}

/**
 * Starts such a server. Without `fsync` it recovers faster and loses nothing either: the kernel
 * keeps what a killed process wrote, and no test here can fail the machine itself.
 */
export async function startCrashingPostgres(fsync: boolean): Promise<CrashingPostgres> {
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-faults-'));
  const port = await freePort();
  const cluster = await prepareCluster(directory, port, testPassword, postgresDistribution);
  // as talkative about errors as Postgres is by itself
  await initialiseCluster(cluster, [
    'max_connections = 200',
    'log_min_error_statement = error',
    'log_error_verbosity = default',
  ]);
  const { home, programs, uid, gid } = cluster;
  const data = join(home, 'data');
  const flags = ['-c', `fsync=${fsync ? 'on' : 'off'}`];
  let log = '';
  let server: ChildProcess | null = null;

  /** Null when it ended before it was ready, as it does while the dead one's memory is in use. */
  const start = (): Promise<ChildProcess | null> =>
    new Promise((resolve) => {
      const started = spawn(join(programs, 'postgres'), ['-D', data, ...flags], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, LC_MESSAGES: 'C' },
        // its user may not be allowed to enter this process's own directory
        cwd: '/',
        ...(uid === undefined ? {} : { uid, gid }),
      });
      const logged = log.length;
      started.stderr?.on('data', (chunk: Buffer) => {
        log += chunk.toString('utf8');
        // a line can come in two chunks
        if (log.includes('ready to accept connections', logged)) resolve(started);
      });
      started.once('exit', () => resolve(null));
      started.once('error', () => resolve(null));
    });
  const startAgain = async () => {
    for (let tries = 0; tries < maxRestarts; tries += 1) {
      server = await start();
      if (server !== null) return;
      await pause();
    }
    throw new Error(`Postgres does not start again after a crash: ${log.slice(-2_000)}`);
  };
  const endWithUs = () => server?.kill('SIGQUIT');
  process.once('exit', endWithUs);
  await startAgain();

  const name = 'vault';
  await createMigratedDatabase(port, name);
  const { close, ...opened } = openDatabase(name, port);
  const database: TestDatabase = { ...opened, drop: close };
  const pids = async (filter: string, values: unknown[] = []) => {
    const { rows } = await database.admin.query<{ pid: number }>(
      `select pid from pg_stat_activity where ${filter}`,
      values,
    );
    return rows.map(({ pid }) => pid);
  };

  return {
    database,
    directory: home,
    crash: async (downMs) => {
      const crashed = server;
      if (crashed === null) return;
      const children = await pids('true').catch(() => []);
      const gone = once(crashed, 'exit');
      kill(crashed.pid);
      for (const pid of children) kill(pid);
      await gone;
      await new Promise((resolve) => setTimeout(resolve, downMs));
      await startAgain();
    },
    restart: async (downMs) => {
      const stopped = server;
      if (stopped === null) return;
      const gone = once(stopped, 'exit');
      stopped.kill('SIGINT');
      // Postgres 18 can overlook this while it recovers from a crash; an administrator tries harder then
      const harder = setTimeout(() => stopped.kill('SIGQUIT'), maxStopMs);
      await gone;
      clearTimeout(harder);
      await new Promise((resolve) => setTimeout(resolve, downMs));
      await startAgain();
    },
    killBackend: async (role) => {
      const working = await pids(`usename = $1 and state = 'active'`, [role]).catch(() => []);
      kill(working[0]);
      return working.length > 0;
    },
    untilReady: async () => {
      for (let tries = 0; tries < maxRestarts; tries += 1) {
        const pid = await pids('pid = pg_backend_pid()').catch(() => []);
        if (pid.length > 0) return;
        await pause();
      }
      throw new Error(`Postgres does not answer after a crash: ${log.slice(-2_000)}`);
    },
    log: () => log,
    stop: async () => {
      process.off('exit', endWithUs);
      if (server !== null && server.exitCode === null && server.signalCode === null) {
        const gone = once(server, 'exit');
        // its data go anyway
        server.kill('SIGQUIT');
        await gone;
      }
      await database.drop();
      await rm(home, { recursive: true, force: true });
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 25));
}

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}
