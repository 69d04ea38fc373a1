import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  customType,
  date,
  index,
  integer,
  pgSchema,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core';

import { auditActions, auditOutcomes, eventActions, requestStates } from '../lib/audit/entry.ts';
import { perKind } from '../lib/pii-fields.ts';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });

/** One row for each login, for analysts. A contract with its readers: columns and their order must not change. */
export const userLogins = pgTable('user_logins', {
  userId: varchar('user_id', { length: 128 }),
  deviceType: varchar('device_type', { length: 32 }),
  maskedIp: varchar('masked_ip', { length: 256 }),
  maskedDeviceId: varchar('masked_device_id', { length: 256 }),
  locale: varchar('locale', { length: 32 }),
  appVersion: integer('app_version'),
  createDate: date('create_date'),
});

/** A column of `user_logins`. */
export type LoginColumn =
  (typeof userLogins)['_']['columns'][keyof (typeof userLogins)['_']['columns']]['_']['name'];

/**
 * The networks of each sealed address, as tokens, for analysts: one row for each address whose value the vault holds,
 * where the stage has `networkTokens`. Written, and deleted, with the sealed value.
 */
export const ipNetworks = pgTable('ip_networks', {
  maskedIp: varchar('masked_ip', { length: 256 }).primaryKey(),
  /** Of the IPv4 /24 or the IPv6 /48. */
  maskedNetwork: varchar('masked_network', { length: 256 }).notNull(),
  /** Of the IPv6 /64; null for IPv4. */
  maskedSubnet: varchar('masked_subnet', { length: 256 }),
});

/** The schema that analysts cannot use. */
export const vault = pgSchema('vault');

export const piiKind = vault.enum(
  'pii_kind',
  perKind(({ kind }) => kind),
);

/** Data keys, wrapped by KMS. Shared by all values that one container sealed in an hour. */
export const dataKeys = vault.table(
  'data_keys',
  {
    id: uuid('id').primaryKey(),
    wrappedKey: bytea('wrapped_key').notNull(),
    kmsKeyArn: text('kms_key_arn').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  },
  ({ wrappedKey, kmsKeyArn }) => [
    // KMS gives up to 6144 bytes
    check('data_keys_wrapped_key', sql`octet_length(${wrappedKey}) between 1 and 6144`),
    check('data_keys_kms_key_arn', sql`octet_length(${kmsKeyArn}) between 1 and 2048`),
  ],
);

/**
 * One sealed original per token: nonce ‖ ciphertext ‖ tag. `token` is the 20 bytes of the MAC: `vault.token_bytes`
 * and `vault.token_text` convert. A trigger on `data_keys` stands for the foreign key, whose check of each row took a
 * seventh of the time of a batch. Columns of a fixed width come first, so that nothing is lost to alignment.
 */
export const piiVault = vault.table(
  'pii_vault',
  {
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    kind: piiKind('kind').notNull(),
    dataKeyId: uuid('data_key_id').notNull(),
    token: bytea('token').primaryKey(),
    ciphertext: bytea('ciphertext').notNull(),
  },
  ({ token, ciphertext }) => [
    check('pii_vault_token', sql`octet_length(${token}) = 20`),
    check('pii_vault_ciphertext', sql`octet_length(${ciphertext}) <= 4096`),
  ],
);

/**
 * The generation of the token key that all tokens in `pii_vault` and `tombstones` are of, and the key itself, which is not
 * known of the first: one row.
 */
export const tokenGeneration = vault.table(
  'token_generation',
  {
    onlyRow: boolean('only_row').primaryKey().default(true),
    generation: integer('generation').notNull(),
    kmsKeyArn: text('kms_key_arn'),
  },
  ({ onlyRow, generation, kmsKeyArn }) => [
    check('token_generation_only_row', sql`${onlyRow}`),
    check('token_generation_generation', sql`${generation} between 1 and 999999999`),
    check('token_generation_kms_key_arn', sql`octet_length(${kmsKeyArn}) between 1 and 2048`),
  ],
);

/**
 * The tokens whose values the vault held once, and how that ended (null if it never did), or which are suppressed. A value
 * that is not suppressed can come again: then `pii_vault` holds it again, and the row here stays.
 */
export const tombstones = vault.table(
  'tombstones',
  {
    kind: piiKind('kind').notNull(),
    suppressed: boolean('suppressed').notNull().default(false),
    token: bytea('token').primaryKey(),
    ended: text('ended', { enum: ['erased', 'expired'] }),
  },
  ({ token, ended, suppressed }) => [
    index('tombstones_suppressed')
      .on(token)
      .where(sql`${suppressed}`),
    check('tombstones_token', sql`octet_length(${token}) = 20`),
    check('tombstones_ended', sql`${ended} in ('erased', 'expired')`),
  ],
);

/** How long sealed values are kept: at most one row, which `migrate` writes from the stage's parameters. */
export const retention = vault.table(
  'retention',
  {
    onlyRow: boolean('only_row').primaryKey().default(true),
    /** Null: without end. */
    days: integer('days'),
  },
  ({ onlyRow, days }) => [
    check('retention_only_row', sql`${onlyRow}`),
    check('retention_days', sql`${days} between 1 and 99999`),
  ],
);

/** The ids of stored messages, so that a message that is delivered again counts once. */
export const ingestedMessages = vault.table(
  'ingested_messages',
  {
    messageId: uuid('message_id').primaryKey(),
    sentOn: date('sent_on').notNull(),
    resentOn: date('resent_on'),
  },
  ({ sentOn, resentOn }) => [
    // the days that lib/ingest/source-message.ts accepts
    check('ingested_messages_sent_on', sql`${sentOn} between '2000-01-01' and '2200-01-01'`),
    check('ingested_messages_resent_on', sql`${resentOn} between '2000-01-01' and '2200-01-01'`),
  ],
);

/**
 * What `ingest` works on after it was received often, for as long as it works on it. A container that
 * is killed leaves its row, which names the messages that it died with (lib/ingest/isolate.ts).
 */
export const attempts = vault.table(
  'attempts',
  {
    id: uuid('id').primaryKey(),
    messageIds: uuid('message_ids').array().notNull(),
    begunAt: timestamp('begun_at', { withTimezone: true }).notNull().defaultNow(),
  },
  ({ messageIds }) => [
    // Lambda gives no more messages in a batch
    check('attempts_message_ids', sql`cardinality(${messageIds}) between 1 and 10000`),
  ],
);

const quoted = (texts: readonly string[]) => sql.raw(texts.map((one) => `'${one}'`).join(', '));

export const auditAction = vault.enum('audit_action', auditActions);
export const principalSource = vault.enum('principal_source', ['iam', 'claimed', 'vault']);

/**
 * Who did what, append-only and chained: one row for each token, or one row without a token for what is not about
 * one. A trigger refuses a row that does not continue the chain (db/functions/chain_audit_row.sql).
 */
export const revealAudit = vault.table(
  'reveal_audit',
  {
    id: bigint('id', { mode: 'number' }).primaryKey(),
    at: timestamp('at', { withTimezone: true }).notNull(),
    action: auditAction('action').notNull(),
    requestId: text('request_id').notNull(),
    principal: text('principal').notNull(),
    principalSource: principalSource('principal_source').notNull(),
    reason: text('reason').notNull(),
    token: text('token'),
    outcome: text('outcome').notNull(),
    previousHash: bytea('previous_hash').notNull(),
    hash: bytea('hash').notNull(),
    detail: text('detail'),
  },
  (table) => [
    // limits for the readers of the audit, also if a writer's login is stolen
    check('reveal_audit_id', sql`${table.id} > 0`),
    check('reveal_audit_at', sql`isfinite(${table.at})`),
    check('reveal_audit_request_id', sql`octet_length(${table.requestId}) between 1 and 128`),
    check('reveal_audit_principal', sql`octet_length(${table.principal}) between 1 and 2048`),
    check('reveal_audit_reason', sql`char_length(${table.reason}) between 10 and 500`),
    check(
      'reveal_audit_token',
      sql`${table.token} ~ '^[a-z][a-z_]{0,31}_v[0-9]{1,9}_[A-Za-z0-9_-]{27}$'`,
    ),
    // as text: migrate adds values to the enum in the same transaction
    check(
      'reveal_audit_event',
      sql`(${table.token} is null) = (${table.action}::text in (${quoted(eventActions)}))`,
    ),
    check('reveal_audit_detail', sql`octet_length(${table.detail}) between 1 and 1024`),
    check('reveal_audit_outcome', sql`${table.outcome} in (${quoted(auditOutcomes)})`),
    check(
      'reveal_audit_hashes',
      sql`octet_length(${table.previousHash}) = 32 and octet_length(${table.hash}) = 32`,
    ),
  ],
);

/** The last row of the chain: one row, locked by whoever appends, so that rows have one order. */
export const auditHead = vault.table('audit_head', {
  onlyRow: boolean('only_row').primaryKey().default(true),
  id: bigint('id', { mode: 'number' }).notNull(),
  hash: bytea('hash').notNull(),
  at: timestamp('at', { withTimezone: true }).notNull(),
});

/** The rows up to which the chain was verified, with their hashes; a later change contradicts them. */
export const auditCheckpoints = vault.table('audit_checkpoints', {
  id: bigint('id', { mode: 'number' }).primaryKey(),
  hash: bytea('hash').notNull(),
  verifiedAt: timestamp('verified_at', { withTimezone: true }).notNull().defaultNow(),
});

/** The hourly limits of each role; `migrate` writes them from the stage's parameters. */
export const limits = vault.table('limits', {
  role: text('role').primaryKey(),
  perCaller: integer('per_caller').notNull(),
  overall: integer('overall').notNull(),
});

/** How much of its limits each caller used, by minute. The caller '' is all callers of the role together. */
export const usage = vault.table(
  'usage',
  {
    role: text('role').notNull(),
    caller: text('caller').notNull(),
    minute: timestamp('minute', { withTimezone: true }).notNull(),
    used: integer('used').notNull(),
  },
  // the only index: a plan made while the table is small cannot choose a wrong one
  (table) => [primaryKey({ columns: [table.role, table.caller, table.minute] })],
);

/**
 * What `vault.claim_reveal` recorded as revealed, and `vault.take_revealed` hands out once, and what `vault.erase`
 * erased, which the same request is told again: the audit
 * rows, and the transaction that must have committed before.
 */
export const revealClaims = vault.table(
  'reveal_claims',
  {
    role: text('role').notNull(),
    requestId: text('request_id').notNull(),
    transaction: xid8('transaction').notNull(),
    firstAuditId: bigint('first_audit_id', { mode: 'number' }).notNull(),
    lastAuditId: bigint('last_audit_id', { mode: 'number' }).notNull(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
    takenAt: timestamp('taken_at', { withTimezone: true }),
    faultReportedAt: timestamp('fault_reported_at', { withTimezone: true }),
  },
  (table) => [primaryKey({ columns: [table.role, table.requestId] })],
);

/** When a reveal needs somebody else's approval: at most one row, which `migrate` writes from the stage's parameters. */
export const approvalRule = vault.table(
  'approval_rule',
  {
    onlyRow: boolean('only_row').primaryKey().default(true),
    /** Part of each request's digest. */
    stage: text('stage').notNull(),
    /** How many tokens a caller may reveal within 24 hours without an approval; null: any number. */
    above: integer('above'),
    /** How long a request waits for a decision. */
    hours: integer('hours').notNull(),
  },
  (table) => [
    check('approval_rule_only_row', sql`${table.onlyRow}`),
    check('approval_rule_stage', sql`octet_length(${table.stage}) between 1 and 128`),
  ],
);

/** Requests for large reveals, which somebody else approves or refuses. The audit keeps what became of each. */
export const revealRequests = vault.table(
  'reveal_requests',
  {
    id: uuid('id').primaryKey(),
    /** Who the caller is, whatever session it calls from (db/functions/quota_holder.sql). */
    caller: text('caller').notNull(),
    principal: text('principal').notNull(),
    reason: text('reason').notNull(),
    /** Sorted. */
    tokens: text('tokens').array().notNull(),
    /** SHA-256 of the stage, the caller, the tokens, the reason and the expiry. */
    digest: bytea('digest').notNull(),
    state: text('state').notNull(),
    requestedAt: timestamp('requested_at', { withTimezone: true }).notNull(),
    /** Until when it can be approved. */
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
    decidedBy: text('decided_by'),
    /** Until when it can be used. */
    usableUntil: timestamp('usable_until', { withTimezone: true }),
    endedAt: timestamp('ended_at', { withTimezone: true }),
  },
  (table) => [
    check('reveal_requests_caller', sql`octet_length(${table.caller}) between 1 and 2048`),
    check('reveal_requests_principal', sql`octet_length(${table.principal}) between 1 and 2048`),
    check('reveal_requests_reason', sql`char_length(${table.reason}) between 10 and 500`),
    check('reveal_requests_tokens', sql`cardinality(${table.tokens}) between 1 and 10000`),
    check(
      'reveal_requests_tokens_size',
      sql`octet_length(array_to_string(${table.tokens}, '')) <= 80 * cardinality(${table.tokens})`,
    ),
    check('reveal_requests_digest', sql`octet_length(${table.digest}) = 32`),
    check('reveal_requests_state', sql`${table.state} in (${quoted(requestStates)})`),
    check('reveal_requests_decided_by', sql`octet_length(${table.decidedBy}) between 1 and 2048`),
  ],
);

/** Reveals by break-glass. Each is shown to the operators every day until somebody else has acknowledged it. */
export const breakGlass = vault.table(
  'break_glass',
  {
    id: uuid('id').primaryKey(),
    caller: text('caller').notNull(),
    principal: text('principal').notNull(),
    reason: text('reason').notNull(),
    tokens: integer('tokens').notNull(),
    firstUsedAt: timestamp('first_used_at', { withTimezone: true }).notNull(),
    lastUsedAt: timestamp('last_used_at', { withTimezone: true }).notNull(),
    acknowledgedBy: text('acknowledged_by'),
    acknowledgedAt: timestamp('acknowledged_at', { withTimezone: true }),
  },
  (table) => [
    check('break_glass_caller', sql`octet_length(${table.caller}) between 1 and 2048`),
    check('break_glass_principal', sql`octet_length(${table.principal}) between 1 and 2048`),
    check('break_glass_reason', sql`char_length(${table.reason}) between 10 and 500`),
    check(
      'break_glass_acknowledged_by',
      sql`octet_length(${table.acknowledgedBy}) between 1 and 2048`,
    ),
  ],
);

/**
 * While the token key is rotated, and in the grace afterwards: the next name of each former token. `origin`
 * says of its value whether it was opened (`held`), did not open (`broken`), had ended (`erased`), or was
 * never in the vault (`unheld`).
 */
export const tokenMap = vault.table(
  'token_map',
  {
    kind: piiKind('kind').notNull(),
    token: bytea('token').primaryKey(),
    newToken: bytea('new_token').notNull().unique(),
    origin: text('origin').notNull(),
  },
  ({ token, newToken, origin }) => [
    check('token_map_token', sql`octet_length(${token}) = 20`),
    check('token_map_new_token', sql`octet_length(${newToken}) = 20`),
    check('token_map_origin', sql`${origin} in ('held', 'broken', 'erased', 'unheld')`),
  ],
);

/** The rotation of the token key that is under way: one row, or none. */
export const rotation = vault.table(
  'rotation',
  {
    onlyRow: boolean('only_row').primaryKey().default(true),
    fromGeneration: integer('from_generation').notNull(),
    phase: text('phase').notNull(),
    begunAt: timestamp('begun_at', { withTimezone: true }).notNull().defaultNow(),
    swappedAt: timestamp('swapped_at', { withTimezone: true }),
    isPaused: boolean('is_paused').notNull().default(false),
    // null: release 0.3.0 began it, and did not note the key
    nextKey: text('next_key'),
  },
  ({ onlyRow, phase, nextKey }) => [
    check('rotation_only_row', sql`${onlyRow}`),
    check('rotation_next_key', sql`octet_length(${nextKey}) between 1 and 2048`),
    check('rotation_phase', sql`${phase} in ('mapping', 'aborting', 'swapped')`),
  ],
);
