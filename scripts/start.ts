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
import { Fault, messageOf } from './local/fault.ts';
import { inProcessVault } from './local/in-process-vault.ts';
import { readMessages, samplePath, sendAll } from './local/messages.ts';
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

/** `npm start`: brings the stack up, sends it messages and shows what became of them. */
async function start(settings: Settings, path: string): Promise<void> {
  const messages = await readMessages(path);
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
      shown: await demonstrate(vault, tables, steps),
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

function fileFrom(args: string[]): string {
  try {
    const { values } = parseArgs({ args, options: { file: { type: 'string' } } });
    return values.file ?? relative(process.cwd(), samplePath);
  } catch (error) {
    throw new Fault(`${messageOf(error)}. Known is --file PATH, one JSON message a line.`);
  }
}

/** Ends with `Fault` when a person interrupts, and with the exit code that shells give that. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    const interrupt = () => {
      process.exitCode = 130;
      reject(new Fault('Broken off.'));
    };
    // npm, tsx and the terminal each send the signal: all but the first change nothing
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  });
}

async function run(): Promise<void> {
  const path = fileFrom(process.argv.slice(2));
  const settings = readSettings();
  const found = await findStack(settings);

  const work = start(found ?? settings, path);
  try {
    await Promise.race([work, interruption()]);
  } catch (error) {
    await breakOff(work);
    if (found === null) await removeStack(settings);
    throw error;
  }
}

try {
  await run();
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  console.error(error.message);
  process.exitCode ??= 1;
}
// connections that are still open shall keep nobody waiting
process.exit();
