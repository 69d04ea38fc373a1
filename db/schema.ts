import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  date,
  index,
  integer,
  pgSchema,
  pgTable,
  text,
  timestamp,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core';

import { perKind } from '../lib/pii-fields.ts';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/** One row a login, for analysts. A contract with its readers: columns and order stay as they are. */
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

/** What analysts have no USAGE on. */
export const vault = pgSchema('vault');

export const piiKind = vault.enum(
  'pii_kind',
  perKind(({ kind }) => kind),
);

/** Data keys, wrapped by KMS. Shared by all values that one container sealed in an hour. */
export const dataKeys = vault.table('data_keys', {
  id: uuid('id').primaryKey(),
  wrappedKey: bytea('wrapped_key').notNull(),
  kmsKeyArn: text('kms_key_arn').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});

/** One sealed original per token: nonce ‖ ciphertext ‖ tag. */
export const piiVault = vault.table('pii_vault', {
  token: text('token').primaryKey(),
  kind: piiKind('kind').notNull(),
  ciphertext: bytea('ciphertext').notNull(),
  dataKeyId: uuid('data_key_id')
    .notNull()
    .references(() => dataKeys.id),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});

/** The messages already stored, so that a message delivered again counts once. */
export const ingestedMessages = vault.table('ingested_messages', {
  messageId: uuid('message_id').primaryKey(),
  sentOn: date('sent_on').notNull(),
  resentOn: date('resent_on'),
});

export const auditAction = vault.enum('audit_action', ['reveal', 'tokenize', 'erase']);
export const principalSource = vault.enum('principal_source', ['iam', 'claimed']);

/**
 * Who asked for what, one row a token, append-only and chained: `id`, `at`, `previous_hash` and
 * `hash` are set by a trigger, whatever the writer says (migrations/0001_audit_chain.sql).
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
    token: text('token').notNull(),
    outcome: text('outcome').notNull(),
    previousHash: bytea('previous_hash').notNull(),
    hash: bytea('hash').notNull(),
  },
  (table) => [
    index('reveal_audit_erased')
      .on(table.token)
      .where(sql`${table.action} = 'erase' and ${table.outcome} = 'erased'`),
  ],
);

/** The last row of the chain: one row, locked by whoever appends, so that rows have one order. */
export const auditHead = vault.table('audit_head', {
  onlyRow: boolean('only_row').primaryKey().default(true),
  id: bigint('id', { mode: 'number' }).notNull(),
  hash: bytea('hash').notNull(),
  at: timestamp('at', { withTimezone: true }).notNull(),
});

/** Up to where the chain was verified, and what the row was then; later changes contradict it. */
export const auditCheckpoints = vault.table('audit_checkpoints', {
  id: bigint('id', { mode: 'number' }).primaryKey(),
  hash: bytea('hash').notNull(),
  verifiedAt: timestamp('verified_at', { withTimezone: true }).notNull().defaultNow(),
});
