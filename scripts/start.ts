import { constants } from 'node:os';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import type { Client } from 'pg';

import { breakOff } from './local/command.ts';
import { closingScreen } from './local/closing-screen.ts';
import {
  asSuperuser,
  databaseUrl,
  type LocalDatabase,
  prepareDatabase,
  setPasswords,
} from './local/database.ts';
import { demonstrate } from './local/demonstrations.ts';
import { deployedVault } from './local/deployed-vault.ts';
import { writeEnvFile } from './local/env-file.ts';
import { Cancelled, UserError, messageOf } from '../cli/user-error.ts';
import { inProcessVault } from './local/in-process-vault.ts';
import { releaseLock, takeLock, underWay } from './local/lock.ts';
import { readMessages, samplePath, sendAll, usersOf } from './local/messages.ts';
import type { RunningVault } from './local/running-vault.ts';
import { readSettings, type Settings } from './local/settings.ts';
import { deploy, invoke } from './local/sls.ts';
import {
  describeGround,
  findStack,
  removeStack,
  standUpDatabase,
  standUpEmulator,
} from './local/stack.ts';
import { createSteps, type Steps } from './local/steps.ts';
import { countIngested, mostRepeated, someLogins } from './local/vault-tables.ts';

/** What is to be sent. */
interface Given {
  path: string;
  messages: readonly string[];
  /** The messages are the repository's own sample, and so nobody's. */
  isSample: boolean;
}

const cancelled = new Cancelled();

/** `npm start`: brings the stack up, sends it messages and shows what became of them. */
async function start(settings: Settings, { path, messages, isSample }: Given): Promise<void> {
  const steps = createSteps();
  const database = await steps.run(
    'Postgres',
    () => standUpDatabase(settings),
    ({ host, port }) => `Postgres 18 on ${host}:${port}`,
  );
  await prepareDatabase(database);
  await asSuperuser(database, async (tables) => {
    const vault = await bringUp(settings, database, tables, steps);
    await writeEnvFile(settings, {
      loginQueueUrl: vault.queues.login,
      deadLetterQueueUrl: vault.queues.deadLetter,
      databaseUrl: databaseUrl(database, 'postgres'),
      analystDatabaseUrl: databaseUrl(database, 'vault_analyst'),
    });
    const taken = await steps.run(
      `Sending ${messages.length} messages`,
      () => sendAll(vault, messages),
      (count) => `Sent ${count} messages of ${path}`,
    );
    const outcome = await steps.run(
      'Waiting for the queue to drain',
      () => vault.drain(),
      () => 'The queue is drained',
    );
    const repeated = await mostRepeated(tables, 5);
    const report = {
      source: path,
      sent: messages.length,
      taken,
      ...outcome,
      logins: await someLogins(tables, 5),
      repeated,
      shown: await demonstrate(vault, tables, steps, isSample ? usersOf(messages) : null),
      nextCommands: vault.nextCommands(repeated[0]?.token ?? 'TOKEN'),
      elapsedMs: steps.elapsedMs(),
    };
    console.log(`\n${closingScreen(report)}`);
  });
}

/** Migrates the database, and lets the functions run on whatever there is to run them. */
async function bringUp(
  settings: Settings,
  database: LocalDatabase,
  tables: Client,
  steps: Steps,
): Promise<RunningVault> {
  const countStored = () => countIngested(tables);
  const emulator = await steps.run(
    'AWS emulator',
    () => standUpEmulator(settings),
    (found) =>
      typeof found === 'string'
        ? `${found} on ${settings.endpoint.origin}`
        : 'No AWS emulator can be had',
  );
  if (typeof emulator !== 'string') {
    console.log(
      `  ${emulator.obstacle}, and no emulator answers at ${settings.endpoint.origin}.\n` +
        '  The functions run in this process instead, with a KMS that ends with it.',
    );
    const vault = await inProcessVault(database, countStored);
    await steps.run(vault.commandFor('migrate'), () => vault.invoke('migrate'));
    await setPasswords(database);
    return vault;
  }
  await describeGround(settings, { emulator, database });
  await steps.run('npx sls deploy --stage local', () => deploy(settings));
  await steps.run('npx sls invoke -f migrate --stage local', () => invoke(settings, 'migrate'));
  await setPasswords(database);
  return deployedVault(settings, countStored);
}

async function given(args: string[]): Promise<Given> {
  const file = fileFrom(args);
  const path = file ?? relative(process.cwd(), samplePath);
  return { path, messages: await readMessages(path), isSample: file === undefined };
}

function fileFrom(args: string[]): string | undefined {
  try {
    return parseArgs({ args, options: { file: { type: 'string' } } }).values.file;
  } catch (error) {
    throw new UserError(`${messageOf(error)}. Known is --file PATH, one JSON message a line.`);
  }
}

/** Rejects when a person interrupts; the exit code is then the one that shells give that. */
function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    const interrupt = (signal: 'SIGINT' | 'SIGTERM') => {
      process.exitCode ??= 128 + constants.signals[signal];
      reject(cancelled);
    };
    // npm, tsx and the terminal each send the signal: all but the first change nothing
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  });
  // it may come before anyone waits for it
  interrupted.catch(() => undefined);
  return interrupted;
}

async function run(): Promise<void> {
  const interrupted = interruption();
  const messages = await given(process.argv.slice(2));
  const settings = readSettings();
  const holder = await takeLock(settings, 'start');
  if (holder !== null) throw underWay(holder);
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
  const found = await findStack(settings);
  const work = start(found ?? settings, messages);
  try {
    await Promise.race([work, interrupted]);
  } catch (error) {
    await breakOff(work);
    if (found === null) await removeStack(settings);
    // what was waited for ends with the interruption, and fails for it
    throw process.exitCode === undefined ? error : cancelled;
  }
}

try {
  await run();
} catch (error) {
  if (!(error instanceof UserError || error instanceof Cancelled)) throw error;
  console.error(error.message);
  process.exitCode ??= 1;
}
// connections that are still open shall keep nobody waiting
process.exit();
