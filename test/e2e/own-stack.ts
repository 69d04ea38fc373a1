import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { describe } from 'vitest';

import { createSqsClient, type QueuedMessage, sendMessages } from '../../lib/sqs.ts';
import { databaseUrl, prepareDatabase, setPasswords } from '../../scripts/local/database.ts';
import { peekDeadLetters } from '../../cli/dead-letter-queue.ts';
import { messageOf } from '../../cli/user-error.ts';
import { startEmulator } from '../../scripts/local/emulator.ts';
import { startCluster, stopCluster } from '../../scripts/local/cluster.ts';
import { startPostgres } from '../../scripts/local/postgres.ts';
import { pythonWith } from '../../scripts/local/python.ts';
import { findQueues } from '../../scripts/local/queues.ts';
import { copyService } from '../../scripts/local/service-copy.ts';
import { localAws, readSettings, type Settings } from '../../scripts/local/settings.ts';
import { stackOutputs } from '../../scripts/local/stack-outputs.ts';
import { deploy, invoke, sls } from '../../scripts/local/sls.ts';
import { saveServices, localDatabase, removeStack } from '../../scripts/local/stack.ts';
import { freePort } from '../helpers/cluster.ts';

/** A stack that only this test uses: with ports, state and a copy of the service of its own. */
export interface OwnStack {
  endpoint: URL;
  /** Sends to the login queue; each body as it is, anything else as JSON. */
  send(...messages: unknown[]): Promise<void>;
  deadLetters(): Promise<QueuedMessage[]>;
  /** Runs SQL as the superuser. */
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** What `sls invoke` returns. */
  invoke(functionName: string, payload?: unknown): Promise<unknown>;
  /** The stack's outputs, by name. */
  outputs(): Promise<ReadonlyMap<string, string>>;
  /** Changes a file of the service's copy and deploys that; returns what undoes it. */
  redeploy(file: string, change: (text: string) => string): Promise<() => Promise<void>>;
  pauseDatabase(): Promise<void>;
  resumeDatabase(): Promise<void>;
  /** What the emulator and, through it, the functions have logged. */
  log(): Promise<string>;
  sls(...parameters: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  remove(): Promise<void>;
}

const { service: repository } = readSettings({});

const obstacle = await pythonWith('ministack', readSettings({})).then(() => null, messageOf);
if (obstacle !== null) {
  if (process.env['CI'] === 'true') throw new Error(`No AWS emulator can be had: ${obstacle}`);
  console.warn(`Tests on an AWS emulator are skipped: none can be had. ${obstacle}.`);
}

/** Tests on an AWS emulator; skipped where none can be had, which is an error in CI. */
export const describeOnEmulator = describe.skipIf(obstacle !== null);

/** Where a stack of one's own will be: nothing runs yet. */
export async function ownSettings(): Promise<Settings> {
  const directory = await mkdtemp(join(tmpdir(), 'pii-vault-e2e-'));
  return {
    ...readSettings({}),
    directory,
    service: join(directory, 'service'),
    endpoint: new URL(`http://127.0.0.1:${await freePort()}`),
    databasePort: await freePort(),
  };
}

/** Starts Postgres and the emulator, deploys with `sls deploy --stage local` and these parameters, and migrates. */
export async function startOwnStack(
  settings: Settings,
  stage: Readonly<Record<string, number>> = {},
): Promise<OwnStack> {
  await copyService(repository, settings.service);
  await changeStage(settings, stage);
  const postgres = await startPostgres(settings);
  const database = await localDatabase(settings, postgres);
  await startEmulator(settings, await pythonWith('ministack', settings));
  await saveServices(settings, { emulator: 'MiniStack', database });
  await deploy(settings);
  await prepareDatabase(database);
  await invoke(settings, 'migrate');
  await setPasswords(database);
  const client = createSqsClient({ endpoint: settings.endpoint.origin, ...localAws });
  const queues = await findQueues(client);

  return {
    endpoint: settings.endpoint,
    async send(...messages) {
      const bodies = messages.map((message) =>
        typeof message === 'string' ? message : JSON.stringify(message),
      );
      const failed = await sendMessages(
        client,
        queues.login,
        bodies.map((body) => ({ body })),
      );
      if (failed.length > 0) throw new Error(`SQS did not take ${failed.length} messages`);
    },
    deadLetters: () => peekDeadLetters(client, queues.deadLetter),
    async query(sql, values = []) {
      const connection = new Client({ connectionString: databaseUrl(database, 'postgres') });
      await connection.connect();
      try {
        return (await connection.query<Record<string, unknown>>(sql, values)).rows;
      } finally {
        await connection.end();
      }
    },
    invoke: (functionName, payload) => invoke(settings, functionName, payload),
    outputs: () => stackOutputs(settings),
    async redeploy(file, change) {
      const path = join(settings.service, file);
      const before = await readFile(path, 'utf8');
      const deployAs = async (text: string) => {
        await writeFile(path, text);
        await deploy(settings);
      };
      await deployAs(change(before));
      return () => deployAs(before);
    },
    pauseDatabase: () => stopCluster(postgres),
    resumeDatabase: () => startCluster(postgres),
    log: () => readFile(join(settings.directory, 'log', 'emulator.log'), 'utf8'),
    sls: (...parameters) => sls(settings, parameters),
    remove: () => removeOwnStack(settings),
  };
}

/** Ends whatever of it runs, and leaves nothing. */
export async function removeOwnStack(settings: Settings): Promise<void> {
  await removeStack(settings);
  await rm(settings.directory, { recursive: true, force: true });
}

/** Asks until the answer is the expected one, and returns it. Throws with the last one otherwise. */
export async function eventually<T>(
  ask: () => Promise<T>,
  isExpected: (answer: T) => boolean,
  maxMs = 60_000,
): Promise<T> {
  for (const deadline = Date.now() + maxMs; ; await sleep(100)) {
    const answer = await ask();
    if (isExpected(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(answer)}`);
  }
}

// a message that failed comes back sooner
async function changeStage(
  { service }: Settings,
  parameters: Readonly<Record<string, number>>,
): Promise<void> {
  const stage = join(service, 'stages', 'local.yml');
  const text = await readFile(stage, 'utf8');
  const shortened = text
    .replace('ingestTimeout: 5', 'ingestTimeout: 3')
    .replace('visibilityTimeout: 30', 'visibilityTimeout: 18');
  const added = Object.entries(parameters).map(([name, value]) => `${name}: ${value}\n`);
  await writeFile(stage, shortened + added.join(''));
}
