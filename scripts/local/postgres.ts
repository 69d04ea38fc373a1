import { randomBytes } from 'node:crypto';

import { initialiseCluster, prepareCluster, startCluster } from './cluster.ts';
import { UserError } from '../../cli/user-error.ts';
import { isTaken } from './ports.ts';
import type { Settings } from './settings.ts';
import { addState, type PostgresState } from './state.ts';

/** Makes the stack's Postgres 18 cluster and starts it, detached. Throws `UserError` if its port is taken. */
export async function startPostgres(settings: Settings): Promise<PostgresState> {
  const port = settings.databasePort;
  if (await isTaken(port)) {
    throw new UserError(
      `Port ${port}, which the database needs, is taken by something else. ` +
        'End that, or set VAULT_DATABASE_PORT to another port.',
    );
  }
  const state = await prepareCluster(settings.directory, port, randomBytes(12).toString('hex'));
  // written down before anything runs, so that a stop always finds it
  await addState(settings, { postgres: state });
  await initialiseCluster(state);
  await startCluster(state);
  return state;
}
