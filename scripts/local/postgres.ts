import { initialiseCluster, isClusterUp, prepareCluster, startCluster } from './cluster.ts';
import { UserError } from '../../cli/user-error.ts';
import { newPassword } from './passwords.ts';
import { isTaken } from './ports.ts';
import type { Settings } from './settings.ts';
import { addState, type PostgresState } from './state.ts';

/** Makes the stack's Postgres 18 cluster and starts it, detached. Throws `UserError` if its port is taken. */
export async function startPostgres(settings: Settings): Promise<PostgresState> {
  const port = settings.databasePort;
  await requireFree(port);
  const state = await prepareCluster(settings.directory, port, newPassword());
  // written down before anything runs, so that a stop always finds it
  await addState(settings, { postgres: state });
  await initialiseCluster(state);
  await startCluster(state);
  return state;
}

/** Starts a cluster that was kept, if it does not run. Throws `UserError` if its port is taken. */
export async function resumePostgres(state: PostgresState): Promise<void> {
  if (await isClusterUp(state)) return;
  await requireFree(state.port);
  await startCluster(state);
}

async function requireFree(port: number): Promise<void> {
  if (!(await isTaken(port))) return;
  throw new UserError(
    `Port ${port}, which the database needs, is taken by something else. ` +
      'Stop that, or set VAULT_DATABASE_PORT to another port.',
  );
}
