import { relative } from 'node:path';

import { Cancelled } from '../cli/user-error.ts';
import { closingScreen } from './local/closing-screen.ts';
import { cancel } from './local/command.ts';
import { type LocalDatabase, prepareDatabase, setPasswords } from './local/database.ts';
import { demonstrate } from './local/demonstrations.ts';
import { deployedVault } from './local/deployed-vault.ts';
import { writeEnvFiles } from './local/env-file.ts';
import { inProcessVault } from './local/in-process-vault.ts';
import { interruption } from './local/interruption.ts';
import { releaseLock, takeLock, alreadyRunning } from './local/lock.ts';
import { type Line, readMessages, samplePath, sendAll, usersOf } from './local/messages.ts';
import { createReader } from './local/reader.ts';
import type { RunningVault } from './local/running-vault.ts';
import { readSettings, type Settings } from './local/settings.ts';
import { deploy, invoke } from './local/sls.ts';
import {
  saveServices,
  findStack,
  keepStack,
  removeStack,
  ensureDatabase,
  ensureEmulator,
} from './local/stack.ts';
import { addState } from './local/state.ts';
import { createSteps, type Steps } from './local/steps.ts';
import { loginsFromNow } from './local/stored-logins.ts';
import { readOptions, showUserError } from './local/usage.ts';

const usage = `npm start [-- --file PATH]

Starts Postgres and an AWS emulator on this machine, deploys the vault to it, sends messages and
shows what became of them. If the stack is up already, it is used again. npm stop stops it.

  --file PATH   send the messages of this file, one JSON message a line, and not the sample

VAULT_DATABASE_PORT (15432), VAULT_EMULATOR_PORT (4566) or AWS_ENDPOINT_URL, and VAULT_LOCAL_DIR
(.local) say where it runs. With VAULT_LOCAL_IAM=off the emulator checks no permissions.`;

/** What is to be sent. */
interface Given {
  path: string;
  messages: readonly Line[];
  /** The messages are the repository's own sample, and so belong to nobody. */
  isSample: boolean;
}

/** `npm start`: brings the stack up, sends it messages and shows what became of them. */
async function start(settings: Settings, { path, messages, isSample }: Given): Promise<void> {
  const steps = createSteps();
  const database = await steps.run(
    'Postgres',
    () => ensureDatabase(settings),
    ({ host, port }) => `Postgres 18 on ${host}:${port}`,
  );
  await prepareDatabase(database);
  const vault = await bringUp(settings, database, steps);
  await writeEnvFiles(settings, database, vault.queues, vault.urls);

  const analyst = createReader(database, 'vault_analyst');
  const auditor = createReader(database, 'vault_auditor');
  const logins = await loginsFromNow(analyst, usersOf(messages));
  const refused = await steps.run(
    `Sending ${messages.length} messages`,
    () => sendAll(vault, messages),
    ({ length }) => `Sent ${messages.length - length} messages of ${path}`,
  );
  const outcome = await steps.run(
    'Waiting for the queue to drain',
    () => vault.drain(() => logins.count()),
    () => 'The queue is drained',
  );
  const repeated = await logins.repeated(5);
  const revealed = repeated[0]?.token ?? null;
  const report = {
    source: path,
    directory: relative(process.cwd(), settings.directory),
    sent: messages,
    refused,
    ...outcome,
    logins: await logins.rows(5),
    repeated,
    shown: await demonstrate(vault, auditor, steps, {
      revealed,
      erasable: await logins.erasable(),
      isSample,
    }),
    urls: vault.urls,
    nextCommands: vault.nextCommands(revealed),
    elapsedMs: steps.elapsedMs(),
  };
  console.log(`\n${closingScreen(report)}`);
}

/** Migrates the database, and lets the functions run on whatever there is to run them. */
async function bringUp(
  settings: Settings,
  database: LocalDatabase,
  steps: Steps,
): Promise<RunningVault> {
  const emulator = await steps.run(
    'AWS emulator',
    () => ensureEmulator(settings),
    (found) =>
      typeof found === 'string'
        ? `${found} on ${settings.endpoint.origin}`
        : 'No AWS emulator: the functions run in this process',
  );
  if (typeof emulator !== 'string') {
    console.log(
      `  ${emulator.obstacle}, and no emulator answers at ${settings.endpoint.origin}.\n` +
        '  The functions run in this process instead. Its KMS keys end with it: later, nothing that\n' +
        '  was stored now can be revealed.',
    );
    const vault = await inProcessVault(database);
    await steps.run(vault.commandFor('migrate'), () => vault.invoke('migrate'));
    await setPasswords(database);
    await addState(settings, { isKept: false });
    return vault;
  }
  await saveServices(settings, { emulator, database });
  await steps.run('npx sls deploy --stage local', () => deploy(settings));
  await steps.run('npx sls invoke -f migrate --stage local', () => invoke(settings, 'migrate'));
  await setPasswords(database);
  return deployedVault(settings);
}

async function given(file: string | undefined): Promise<Given> {
  const path = file ?? relative(process.cwd(), samplePath);
  return { path, messages: await readMessages(path), isSample: file === undefined };
}

async function run(): Promise<void> {
  const interrupted = interruption();
  const { file } = readOptions(usage, { file: { type: 'string' } });
  // what it writes, and what the programs that it starts write, only this user may read
  process.umask(0o077);
  const messages = await given(file);
  const settings = readSettings();
  const holder = await takeLock(settings, 'start');
  if (holder !== null) throw alreadyRunning(holder);
  try {
    await startUnless(interrupted, settings, messages);
  } finally {
    await releaseLock(settings);
  }
}

/** Starts, or leaves things as they were found. */
async function startUnless(
  interrupted: Promise<never>,
  settings: Settings,
  messages: Given,
): Promise<void> {
  const found = await findStack(settings, console.log);
  const work = start(found?.settings ?? settings, messages);
  try {
    await Promise.race([work, interrupted]);
  } catch (error) {
    await cancel(work);
    if (found === null) await removeStack(settings);
    if (found?.isKept === true) await keepStack(settings);
    // what was waited for ends with the interruption, and fails for it
    throw process.exitCode === undefined ? error : new Cancelled();
  }
}

await showUserError(run());
// do not wait for connections that are still open
process.exit();
