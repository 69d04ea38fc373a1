import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';

import { VaultCallError } from '../client/errors.ts';
import { createVaultClient } from '../client/vault-client.ts';
import {
  countAuditRows,
  createDrillDatabase,
  drillDatabase,
  dropDrillDatabase,
  tokensOfUser,
} from '../db/operations/drill.ts';
import { withoutParameters } from '../db/query.ts';
import type { Role } from '../db/roles.ts';
import { createSqsClient, sendMessages } from '../lib/sqs.ts';
import { interruptible, withClient, withPool } from './database.ts';
import { functionCopy } from './drill-function.ts';
import { writeDump } from './dump.ts';
import type { Manifest } from './manifest.ts';
import { localDatabaseUrl, localDirectory, type LocalFiles, localVariable } from './local-stage.ts';
import { restoreDump } from './restore-dump.ts';
import { service, type Stage } from './stage.ts';
import { Cancelled, UserError } from './user-error.ts';

/** The steps of a drill, each of them once and in this order; `cleanUp` before and after. */
export interface Drill {
  /** Removes the drill's database, function and files, also those of an interrupted drill. */
  cleanUp: () => Promise<void>;
  /** Sends a login whose values nobody else has, and waits for its tokens. */
  sendLogin: () => Promise<{ ip: string; deviceId: string }>;
  backUp: () => Promise<Manifest>;
  erase: (token: string) => Promise<void>;
  backUpAudit: () => Promise<Manifest>;
  createDatabase: () => Promise<void>;
  /** Returns how many values were erased again. */
  restore: (before: Manifest) => Promise<number>;
  createFunction: () => Promise<void>;
  reveal: (kept: string, erased: string) => Promise<void>;
}

const bootstrap = new URL('../db/bootstrap.sql', import.meta.url);
const reason = 'restore drill';
const maxWaitMs = 60_000;

/** Prepares a drill on the local stack; nothing is done yet. Its steps throw `UserError`. */
export function prepareDrill(stage: Stage & { local: LocalFiles }, signal: AbortSignal): Drill {
  const { local, aws } = stage;
  const directory = join(localDirectory(), 'drill');
  const copy = functionCopy(
    aws,
    `${service}-${stage.name}-reveal`,
    `${service}-${stage.name}-drill`,
  );

  // only what no other role may do
  const superuser = (database?: string) =>
    inDatabase(localVariable(local, 'DATABASE_URL'), database);
  const as = (role: Role, database?: string) => inDatabase(localDatabaseUrl(local, role), database);
  const owner = as('vault_migrator');
  const dump = (name: string, auditOnly: boolean) =>
    withClient(interruptible(owner, signal), (client) =>
      writeDump(client, join(directory, name), { auditOnly }),
    );

  return {
    async cleanUp() {
      await rm(directory, { recursive: true, force: true });
      await copy.remove();
      // an interruption must not keep the database from being dropped
      await withPool(superuser(), dropDrillDatabase);
    },
    async sendLogin() {
      const userId = `pii-vault-drill-${randomUUID()}`;
      const client = createSqsClient(aws);
      const body = JSON.stringify(loginOf(userId));
      const refused = await sendMessages(client, localVariable(local, 'LOGIN_QUEUE_URL'), [
        { body },
      ]);
      if (refused.length > 0) throw new UserError('The login queue did not take the message');
      return withPool(interruptible(owner, signal), (pool) => waitForTokens(pool, userId, signal));
    },
    backUp: () => dump('before', false),
    backUpAudit: () => dump('audit', true),
    async erase(token) {
      const urls = { erase: await stage.output('EraseUrl') };
      await createVaultClient({ urls, ...aws })
        .erase([token], reason)
        .catch((error: unknown) => {
          throw error instanceof VaultCallError ? new UserError(`erase: ${error.message}`) : error;
        });
    },
    async createDatabase() {
      await withPool(superuser(), createDrillDatabase);
      const text = await readFile(bootstrap, 'utf8');
      await withPool(superuser(drillDatabase), (pool) => withoutParameters(() => pool.query(text)));
    },
    async restore(before) {
      const config = interruptible(as('vault_migrator', drillDatabase), signal);
      const { erasedAgain, head } = await withPool(config, (pool) =>
        restoreDump(pool, join(directory, 'before'), join(directory, 'audit')),
      );
      if (head.id <= before.audit.id) throw new UserError('The restored audit is not the newest');
      return erasedAgain;
    },
    createFunction: () => copy.create({ DATABASE_NAME: drillDatabase }),
    async reveal(kept, erased) {
      const tokens = [kept, erased];
      const answer = (await copy.invoke({ tokens, reason, requestedBy: 'pii-vault drill' })) as {
        requestId: string;
        revealed: { token: string }[];
        missing: { why: string }[];
      };
      if (answer.revealed[0]?.token !== kept) throw new UserError('The kept value is not revealed');
      if (answer.missing[0]?.why !== 'erased')
        throw new UserError('The erased value is not erased');
      const rows = await withPool(as('vault_auditor', drillDatabase), (pool) =>
        countAuditRows(pool, answer.requestId),
      );
      if (rows !== tokens.length) throw new UserError('It was not revealed from the new database');
    },
  };
}

/** The same login, to another database of the same server. */
function inDatabase(url: string, database?: string): { connectionString: string } {
  const target = new URL(url);
  if (database !== undefined) target.pathname = `/${database}`;
  return { connectionString: target.href };
}

/** A login with values of its own: the address is of the range for documentation. */
function loginOf(userId: string) {
  const groups = randomBytes(12).toString('hex').match(/.{4}/g)!;
  return {
    user_id: userId,
    app_version: '1.0.0',
    device_type: 'drill',
    ip: `2001:db8:${groups.join(':')}`,
    locale: null,
    device_id: randomUUID(),
  };
}

async function waitForTokens(
  pool: Pool,
  userId: string,
  signal: AbortSignal,
): Promise<{ ip: string; deviceId: string }> {
  for (const deadline = Date.now() + maxWaitMs; Date.now() < deadline; await sleep(100)) {
    if (signal.aborted) throw new Cancelled();
    const tokens = await tokensOfUser(pool, userId);
    if (tokens !== null) return tokens;
  }
  throw new UserError('The login of the drill is not stored after a minute: is ingest working?');
}
