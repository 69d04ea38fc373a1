import { setPasswords } from './local/database.ts';
import { writeEnvFiles } from './local/env-file.ts';
import { localUrls } from './local/local-client.ts';
import { findQueues } from './local/queues.ts';
import { localAws, readSettings } from './local/settings.ts';
import { deploy, invoke } from './local/sls.ts';
import { findStack, localDatabase } from './local/stack.ts';
import { addState, readState } from './local/state.ts';
import { readOptions, showUserError } from './local/usage.ts';
import { UserError } from '../cli/user-error.ts';
import { createSqsClient } from '../lib/sqs.ts';

const usage = `What pii-vault rotate runs for the local stage:
tsx scripts/set-rotation.ts --rotation on|off --generation N

Deploys the stack of npm start again with these values of the parameters rotation and
tokenGeneration, which it writes down, and migrates the database.`;

/** Deploys and migrates with these parameters. */
async function setRotation(rotation: string, generation: string): Promise<void> {
  if ((rotation !== 'on' && rotation !== 'off') || !/^[1-9]\d*$/.test(generation)) {
    throw new UserError(usage);
  }
  const stack = await findStack(readSettings());
  if (stack === null || stack.isKept) throw new UserError('The local stack is not running.');
  const { settings } = stack;
  const { postgres } = await readState(settings);
  const database = await localDatabase(
    settings,
    postgres ?? { port: settings.databasePort, password: settings.composePassword },
  );
  await addState(settings, { rotation, tokenGeneration: Number(generation) });
  await deploy(settings);
  await invoke(settings, 'migrate');
  await setPasswords(database);
  const client = createSqsClient({ endpoint: settings.endpoint.origin, ...localAws });
  const queues = await findQueues(client);
  await writeEnvFiles(settings, database, queues, await localUrls(settings));
  client.destroy();
}

process.umask(0o077);
const { rotation = '', generation = '' } = readOptions(usage, {
  rotation: { type: 'string' },
  generation: { type: 'string' },
});
await showUserError(setRotation(rotation, generation));
