import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';

import { createSqsClient, queueDepth } from '../lib/sqs.ts';
import { type Manifest, writeDump } from './dump.ts';
import { UserError } from './user-error.ts';
import { askedOfAws, main } from './main.ts';
import { ownersPool, restoreDump } from './restore-dump.ts';
import { localClient } from '../scripts/local/local-client.ts';
import { readSettings, type Settings } from '../scripts/local/settings.ts';
import { deploy, invoke, reasonIn, sls } from '../scripts/local/sls.ts';
import { createSteps, type Steps } from '../scripts/local/steps.ts';
import { leastRepeated, mostRepeated } from '../scripts/local/vault-tables.ts';
import { whereabouts } from './where.ts';

/** The database that the drill restores into, and removes again. */
const drillDatabase = 'vault_drill';
const bootstrap = new URL('../db/bootstrap.sql', import.meta.url);
const request = { reason: 'restore drill', requestedBy: 'npm run drill' };

/**
 * `npm run drill`: the restore of the runbook, done on the local stack. Takes a dump, erases one
 * value, restores the dump into a new database with the newest audit, and lets the deployed
 * functions reveal from there. The value that it erases stays erased. Returns the exit code.
 */
async function drill(): Promise<number> {
  if (process.argv.length > 2) throw new UserError('npm run drill takes no arguments');
  const settings = readSettings();
  // the local stack alone: what this shell says of others does not count
  const { variables, aws } = await whereabouts(['DATABASE_URL', 'LOGIN_QUEUE_URL'], {}, settings);
  const waiting = queueDepth(createSqsClient(aws), variables.LOGIN_QUEUE_URL);
  if ((await askedOfAws('The login queue', waiting)) > 0) {
    throw new UserError('Wait until the login queue is drained: the functions will be elsewhere.');
  }
  const here = { ...settings, endpoint: new URL(aws.endpoint ?? settings.endpoint) };
  const dumps = join(settings.directory, 'drill');
  await rm(dumps, { recursive: true, force: true });
  try {
    await withClient(variables.DATABASE_URL, (source) => go(here, source, dumps, variables));
  } finally {
    await rm(dumps, { recursive: true, force: true });
  }
  return 0;
}

async function go(
  settings: Settings,
  source: Client,
  dumps: string,
  { DATABASE_URL }: { DATABASE_URL: string },
): Promise<void> {
  const steps = createSteps();
  const { kept, erased } = await pickTokens(source);
  const before = await steps.run(
    'Dump',
    () => writeDump(source, join(dumps, 'before')),
    (manifest) => `Dump of ${rowsOf(manifest)} rows, audit head ${manifest.audit.id}`,
  );
  await steps.run('Erase one value after it', () =>
    localClient(settings).erase([erased], request.reason),
  );
  await steps.run('Dump of the audit as it is now', () =>
    writeDump(source, join(dumps, 'audit'), { auditAlone: true }),
  );

  const target = new URL(DATABASE_URL);
  target.pathname = `/${drillDatabase}`;
  try {
    await steps.run(`New database ${drillDatabase}`, () => createDatabase(source, target.href));
    await steps.run(
      'Restore',
      () => restore(target.href, dumps, before),
      (again) => `Restored; the audit chain is right; ${again} value erased again`,
    );
    await revealFrom(target.href, settings, steps, { kept, erased });
  } finally {
    await source.query(`drop database if exists ${drillDatabase} with (force)`);
  }
  console.log('\nThe drill succeeded: what was kept is revealed, what was erased stays erased.');
}

async function pickTokens(source: Client): Promise<{ kept: string; erased: string }> {
  const kept = (await mostRepeated(source, 1))[0]?.token;
  const erased = await leastRepeated(source);
  if (kept === undefined || erased === null || kept === erased) {
    throw new UserError('The vault holds too few values for a drill: npm start sends some.');
  }
  return { kept, erased };
}

async function createDatabase(source: Client, url: string): Promise<void> {
  await source.query(`drop database if exists ${drillDatabase} with (force)`);
  await source.query(`create database ${drillDatabase}`);
  await withClient(url, async (client) => client.query(await readFile(bootstrap, 'utf8')));
}

/** Returns how many values were erased again. */
async function restore(url: string, dumps: string, before: Manifest): Promise<number> {
  const pool = ownersPool(url);
  try {
    const { erasedAgain, head } = await restoreDump(
      pool,
      join(dumps, 'before'),
      join(dumps, 'audit'),
    );
    if (head.id <= before.audit.id) throw new UserError('The restored audit is not the newest');
    return erasedAgain;
  } finally {
    await pool.end();
  }
}

async function deployOn(settings: Settings, database: string): Promise<void> {
  const { code, stdout, stderr } = await sls(settings, [
    'deploy',
    `--param=databaseName=${database}`,
  ]);
  if (code !== 0) throw new UserError(`sls deploy failed: ${reasonIn(stdout + stderr)}`);
}

/** Lets the functions work on the restored database for a moment, and reveals from it. */
async function revealFrom(
  url: string,
  settings: Settings,
  steps: Steps,
  { kept, erased }: { kept: string; erased: string },
): Promise<void> {
  try {
    await steps.run('sls deploy: the functions on the restored database', () =>
      deployOn(settings, drillDatabase),
    );
    await steps.run('sls invoke -f reveal', () => reveal(settings, url, kept, erased));
  } finally {
    const back = steps.run('sls deploy: the functions back on their own', () => deploy(settings));
    await back.catch(() => {
      console.error('The functions are not back on their own database: sls deploy --stage local');
      process.exitCode = 1;
    });
  }
}

interface Revealed {
  requestId: string;
  revealed: { token: string }[];
  missing: { token: string; why: string }[];
}

async function reveal(
  settings: Settings,
  url: string,
  kept: string,
  erased: string,
): Promise<void> {
  const tokens = [kept, erased];
  const answer = (await invoke(settings, 'reveal', { tokens, ...request })) as Revealed;
  if (answer.revealed[0]?.token !== kept)
    throw new UserError('The value that was kept is not revealed');
  if (answer.missing[0]?.why !== 'erased') throw new UserError('The erased value is not erased');
  await withClient(url, async (client) => {
    const found = await client.query('select from vault.reveal_audit where request_id = $1', [
      answer.requestId,
    ]);
    if (found.rowCount !== tokens.length) throw new UserError('It was not revealed from the copy');
  });
}

function rowsOf({ tables }: Manifest): number {
  return Object.values(tables).reduce((sum, { rows }) => sum + rows, 0);
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch {
    throw new UserError('The database of the local stack does not answer: npm start');
  }
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

await main(drill);
