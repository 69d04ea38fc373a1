import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { readAudit } from '../../db/read-audit.ts';
import { chainStart, verifyChain } from '../../lib/audit/chain.ts';
import type { IngestDeps } from '../../lib/ingest/deps.ts';
import { ingest } from '../../lib/ingest/ingest.ts';
import type { PiiKind } from '../../lib/pii-fields.ts';
import { erase, type EraseCertificate } from '../../lib/requests/erase.ts';
import { lift, type LiftResponse } from '../../lib/requests/lift.ts';
import { reveal, type RevealResponse } from '../../lib/requests/reveal.ts';
import { createKmsDouble, type KmsDouble } from '../../scripts/local/kms-double.ts';
import { loginMessage, sqsRecord } from './builders.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { eraseDeps, ingestDeps, revealDeps } from './vault.ts';

const officer = { id: 'arn:aws:iam::123456789012:user/officer', source: 'iam' } as const;
const reason = 'erasure request 2026-17';

/** A vault with two containers of ingest, and the requests that people make. */
export interface PrivacyWorld {
  database: TestDatabase;
  kms: KmsDouble;
  containers: readonly [IngestDeps, IngestDeps];
  tokenOf: (kind: PiiKind, value: string) => Promise<string>;
  /** Stores a login with these fields; by another container, or as another message. */
  login: (
    fields: Record<string, unknown>,
    options?: { deps?: IngestDeps; messageId?: string },
  ) => Promise<void>;
  reveal: (...tokens: string[]) => Promise<RevealResponse>;
  /** What a reveal of the token answers: its value, or why there is none. */
  answerOf: (token: string) => Promise<string>;
  erase: (tokens: string[], suppress?: boolean) => Promise<EraseCertificate>;
  lift: (...tokens: string[]) => Promise<LiftResponse>;
  /** Whether the vault holds a sealed value for the token. */
  holds: (token: string) => Promise<boolean>;
  /** Waits until a session of the role waits for another transaction. */
  waiting: (role: string) => Promise<void>;
  /** Action, outcome and detail of the newest audit rows, the oldest first; the chain must be right. */
  newestAudit: (rows: number) => Promise<[string, string, unknown][]>;
}

export async function createPrivacyWorld(): Promise<PrivacyWorld> {
  const database = await createTestDatabase();
  const kms = createKmsDouble();
  const containers = [ingestDeps(database, kms), ingestDeps(database, kms)] as const;
  const revealing = revealDeps(database, kms);
  const erasing = eraseDeps(database);
  const world: PrivacyWorld = {
    database,
    kms,
    containers,
    tokenOf: async (kind, value) => (await containers[0].tokenizer()).token(kind, value),
    login: async (fields, { deps = containers[0], messageId = randomUUID() } = {}) => {
      const { batchItemFailures } = await ingest(
        [sqsRecord(loginMessage({ ip: null, device_id: null, ...fields }), { messageId })],
        deps,
      );
      if (batchItemFailures.length > 0) throw new Error('the login was not stored');
    },
    reveal: (...tokens) =>
      reveal(
        { tokens, reason },
        { id: 'investigator', source: 'claimed' },
        randomUUID(),
        revealing,
      ),
    answerOf: async (token) => {
      const { revealed, missing } = await world.reveal(token);
      return revealed[0]?.value ?? missing[0]!.why;
    },
    erase: (tokens, suppress = false) =>
      erase({ tokens, reason }, officer, randomUUID(), erasing, suppress),
    lift: (...tokens) => lift({ tokens, reason }, officer, randomUUID(), erasing),
    holds: async (token) => {
      const { rows } = await database.admin.query(
        'select from vault.pii_vault where token = vault.token_bytes($1)',
        [token],
      );
      return rows.length === 1;
    },
    waiting: async (role) => {
      for (;;) {
        const { rows } = await database.admin.query(
          `select from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'
             and datname = current_database()`,
          [role],
        );
        if (rows.length > 0) return;
        await sleep(10);
      }
    },
    newestAudit: async (rows) => {
      const { findings } = await verifyChain(readAudit(database.admin), chainStart);
      if (findings.length > 0)
        throw new Error(`audit row ${findings[0]!.id} ${findings[0]!.problem}`);
      const found = await database.admin.query<{
        action: string;
        outcome: string;
        detail: string | null;
      }>('select action, outcome, detail from vault.reveal_audit order by id desc limit $1', [
        rows,
      ]);
      return found.rows
        .toReversed()
        .map(({ action, outcome, detail }) => [
          action,
          outcome,
          detail === null ? null : (JSON.parse(detail) as unknown),
        ]);
    },
  };
  return world;
}
