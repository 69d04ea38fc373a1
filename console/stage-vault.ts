import type { Pool } from 'pg';

import { VaultCallError } from '../client/errors.ts';
import type { VaultClient } from '../client/vault-client.ts';
import type { AwsConfig } from '../cli/aws.ts';
import { type Caller, callerArn, findCaller } from '../cli/caller.ts';
import { interruptible, withPool } from '../cli/database.ts';
import { databaseConfig, type DatabaseOptions } from '../cli/login.ts';
import { collectReport } from '../cli/report/collect.ts';
import type { Stage } from '../cli/stage.ts';
import { underWay } from '../cli/rotation-plan.ts';
import { type Door, doors, openDoor } from '../cli/vault.ts';
import { countLoginsByDay, countLoginsOf } from '../db/count-logins.ts';
import { findUserTokens } from '../db/find-user-tokens.ts';
import { lastRotation } from '../db/operations/last-rotation.ts';
import { groupDataKeys } from '../db/operations/rewrap-keys.ts';
import type { Role } from '../db/roles.ts';
import { countRevealsByDay } from '../db/report/audit.ts';
import { findNewestAudit } from '../db/search-audit.ts';
import { readAlarms } from './alarms.ts';
import { chainState } from './chain-state.ts';
import { endedBefore } from './ended-before.ts';
import { NotForYou } from './not-for-you.ts';
import { depthOf, redriveQueue } from './queues.ts';
import { refusalOf } from './refusal.ts';
import type { ConsoleVault } from './vault.ts';

/** Who looks at which database, and how. */
export interface StageOptions extends DatabaseOptions {
  as?: string;
}

/**
 * A stage as its console asks it: each call with the person's own rights. Queries end when the signal
 * is aborted. Throws `UserError`.
 */
export async function stageVault(
  stage: Stage,
  options: StageOptions,
  signal: AbortSignal,
): Promise<ConsoleVault> {
  const caller = hasAws(stage) ? await findCaller(stage, options) : null;
  const aws = caller === null ? stage.aws : await awsOf(stage, caller);

  const asRole = async <T>(role: Role, work: (pool: Pool) => Promise<T>): Promise<T> =>
    withPool(interruptible(await databaseConfig(stage, role, options), signal), work);
  const call = async <T>(door: Door, ask: (client: VaultClient) => Promise<T>): Promise<T> => {
    const { vault, explain, who } = await openDoor(stage, door, options);
    try {
      return await ask(vault);
    } catch (error) {
      if (!(error instanceof VaultCallError)) throw error;
      throw await refusalOf(error, door, stage, { explain, who });
    }
  };
  const asApprover = async <T>(ask: (client: VaultClient) => Promise<T>): Promise<T> => {
    if (caller !== null && (await stage.findOutput(doors.approve.output)) === null) {
      throw new NotForYou(`The stage ${stage.name} asks for no approvals.`, null);
    }
    return call('approve', ask);
  };
  return {
    stage: stage.name,
    person: caller === null ? 'nobody: there is no AWS emulator' : await personOf(caller),
    loginsByDay: (days) => asRole('vault_analyst', (pool) => countLoginsByDay(pool, days)),
    revealsByDay: (days) => asRole('vault_auditor', (pool) => countRevealsByDay(pool, days)),
    report: (step) => collectReport(stage, options, signal, step, aws),
    queueDepth: async (queue) => depthOf(aws, await stage.queues(), queue),
    rotation: () => asRole('vault_auditor', async (pool) => underWay(await lastRotation(pool))),
    dataKeys: () => asRole('vault_migrator', groupDataKeys),
    chain: (rows) => asRole('vault_auditor', (pool) => chainState(pool, rows)),
    searchAudit: (search, before, limit) =>
      asRole('vault_auditor', (pool) => findNewestAudit(pool, search, before, limit)),
    reveal: (tokens, reason) => call('reveal', (client) => client.reveal(tokens, reason)),
    openItems: () => asApprover((client) => client.openItems()),
    showRequest: (id) => asApprover((client) => client.showRequest(id)),
    ownRequests: () => call('reveal', (client) => client.ownRequests()),
    decide: (...decision) => asApprover((client) => client.decide(...decision)),
    withdraw: (id) => call('reveal', (client) => client.withdraw(id)),
    acknowledge: (...item) => asApprover((client) => client.acknowledge(...item)),
    erase: (...erasure) => call('erase', (client) => client.erase(...erasure)),
    lift: (...lifted) => call('erase', (client) => client.lift(...lifted)),
    ended: (tokens) => asRole('vault_auditor', (pool) => endedBefore(pool, tokens)),
    tokensOf: (userId) => asRole('vault_analyst', (pool) => findUserTokens(pool, userId)),
    lookUp: (kind, values, reason) =>
      call('tokenize', (client) => client.tokenize(kind, values, reason)),
    loginsOf: (kind, tokens) =>
      asRole('vault_analyst', (pool) => countLoginsOf(pool, kind, tokens)),
    redrive: async (plan) => redriveQueue(aws, await stage.queues(), plan),
    alarms: async () => (stage.local === null ? readAlarms(aws, stage.name) : null),
  };
}

/** False for the local stack where the functions ran in the process of `npm start`. */
function hasAws({ local }: Stage): boolean {
  return local === null || Boolean(local.env['AWS_ENDPOINT_URL']);
}

/** What the SDK's clients are made with, so that they sign as the caller. */
async function awsOf({ local, aws }: Stage, { credentials }: Caller): Promise<AwsConfig> {
  // elsewhere the SDK finds the same credentials itself, and renews them
  if (local === null) return aws;
  return {
    ...aws,
    credentials: typeof credentials === 'function' ? await credentials() : credentials,
  };
}

async function personOf(caller: Caller): Promise<string> {
  try {
    return (await callerArn(caller)) ?? 'not accepted by AWS';
  } catch {
    return 'not known to AWS';
  }
}
