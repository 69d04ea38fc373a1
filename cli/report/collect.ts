import { DatabaseError, VaultError } from '../../lib/errors.ts';
import { createSqsClient, queueDepth } from '../../lib/sqs.ts';
import { type AwsConfig, fromAws } from '../aws.ts';
import { countDeadLetters } from '../count-dead-letters.ts';
import { interruptible, withPool } from '../database.ts';
import { databaseConfig, type DatabaseOptions } from '../login.ts';
import type { Stage } from '../stage.ts';
import { messageOf, UserError } from '../user-error.ts';
import { collectAudit } from './collect-audit.ts';
import { collectLogins } from './collect-logins.ts';
import type { AuditData, LoginsData, Part, QueueData, ReportData } from './data.ts';

/**
 * Reads all that the report shows, with the caller's own logins. `step` is called after each of
 * `loginSteps` steps. What may not be read of the audit and the queues is left out, with the reason.
 * Throws `UserError` or `VaultError` where the logins cannot be read.
 */
export async function collectReport(
  stage: Stage,
  options: DatabaseOptions,
  signal: AbortSignal,
  step: () => void,
  aws: AwsConfig = stage.aws,
): Promise<ReportData> {
  const at = new Date();
  const logins = await readLogins(stage, options, signal, step);
  const audit = await part(signal, () => readAudit(stage, options, signal));
  const queue = await part(signal, () => readQueue(stage, aws, signal));
  return { stage: stage.name, at, logins, audit, queue };
}

async function readLogins(
  stage: Stage,
  options: DatabaseOptions,
  signal: AbortSignal,
  step: () => void,
): Promise<LoginsData> {
  const config = await databaseConfig(stage, 'vault_analyst', options);
  try {
    return await withPool(interruptible(config, signal), (pool) => collectLogins(pool, step));
  } catch (error) {
    throw limitProblem(error);
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

async function readAudit(
  stage: Stage,
  options: DatabaseOptions,
  signal: AbortSignal,
): Promise<AuditData> {
  const config = await databaseConfig(stage, 'vault_auditor', options);
  return withPool(interruptible(config, signal), collectAudit);
}

async function readQueue(stage: Stage, aws: AwsConfig, signal: AbortSignal): Promise<QueueData> {
  const urls = await stage.queues();
  const sqs = createSqsClient(aws);
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
