import type { Command } from 'commander';

import { createSqsClient, queueDepth } from '../../lib/sqs.ts';
import { VaultError, DatabaseError } from '../../lib/errors.ts';
import { fromAws } from '../aws.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { countDeadLetters } from '../count-dead-letters.ts';
import { interruptible, withPool } from '../database.ts';
import { databaseConfig } from '../login.ts';
import { refuseExisting, writePrivateFile } from '../private-file.ts';
import { showProgress } from '../progress.ts';
import { collectAudit } from '../report/collect-audit.ts';
import { collectLogins, loginSteps } from '../report/collect-logins.ts';
import type { AuditData, LoginsData, Part, QueueData } from '../report/data.ts';
import { page } from '../report/page.ts';
import { findStage, type Stage } from '../stage.ts';
import { Cancelled, messageOf, UserError } from '../user-error.ts';

interface Options extends CommonOptions {
  out: string;
}

const description = `Writes a report as one HTML page that needs no network and holds no plaintext: logins,
shared tokens, rejected messages, reveals, the audit, and what the masked data gives away. Only you can
read the file. Logs in as vault_analyst and vault_auditor, and counts the dead-letter messages; what you
may not read of the audit and the queues is left out.`;

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault report --stage prod --out report.html', [
    'stage',
    'database',
  ])
    .requiredOption('--out <file>', 'a new file for the page, that only you may read')
    .action(action(run));
}

async function run(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  ifCancelled(() => 'No report was written, and nothing was changed.');
  await refuseExisting(options.out);
  const stage = await findStage(options.stage);
  const logins = await readLogins(stage, options, signal);
  const audit = await part(signal, () => readAudit(stage, options, signal));
  const queue = await part(signal, () => readQueue(stage, signal));
  if (signal.aborted) throw new Cancelled();
  await writePrivateFile(
    options.out,
    page({ stage: stage.name, at: new Date(), logins, audit, queue }),
  );
  const problems = [
    ...('problem' in audit ? [`The audit is left out: ${audit.problem}`] : []),
    ...('problem' in queue ? [`The queues are left out: ${queue.problem}`] : []),
  ];
  const report = { stage: stage.name, file: options.out, ...logins.overview };
  return { exitCode: 0, text: `The report is in ${options.out}.`, problems, report };
}

async function readLogins(
  stage: Stage,
  options: Options,
  signal: AbortSignal,
): Promise<LoginsData> {
  const config = await databaseConfig(stage, 'vault_analyst', options);
  const progress = showProgress('Reading logins', loginSteps, process.stderr, Date.now, 'steps');
  let done = 0;
  try {
    return await withPool(interruptible(config, signal), (pool) =>
      collectLogins(pool, () => progress.update((done += 1))),
    );
  } catch (error) {
    throw limitProblem(error);
  } finally {
    progress.end();
  }
}

/** In plain words, which limit of the database ended the work. */
function limitProblem(error: unknown): unknown {
  const state = error instanceof DatabaseError ? error.state : null;
  if (state === '57014') {
    return new UserError('A query took longer than the statement_timeout of vault_analyst allows.');
  }
  if (state === '53400' || state === '53100') {
    return new UserError(
      'A query needed more temporary disk space than the database has or allows.',
    );
  }
  return error;
}

async function readAudit(stage: Stage, options: Options, signal: AbortSignal): Promise<AuditData> {
  const config = await databaseConfig(stage, 'vault_auditor', options);
  return withPool(interruptible(config, signal), collectAudit);
}

async function readQueue(stage: Stage, signal: AbortSignal): Promise<QueueData> {
  const urls = await stage.queues();
  const sqs = createSqsClient(stage.aws);
  const inFlight = await fromAws('The login queue', queueDepth(sqs, urls.login));
  const { reasons, complete } = await countDeadLetters(sqs, urls.deadLetter, signal);
  return { inFlight, reasons, complete };
}

/** What `read` returns, or why it cannot be read. */
async function part<T>(signal: AbortSignal, read: () => Promise<T>): Promise<Part<T>> {
  try {
    return { data: await read() };
  } catch (error) {
    const isKnown = error instanceof UserError || error instanceof VaultError;
    if (!isKnown || signal.aborted) throw error;
    return { problem: messageOf(error) };
  }
}
