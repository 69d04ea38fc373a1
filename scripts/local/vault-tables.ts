import type { Client } from 'pg';

import { piiFields } from '../../lib/pii-fields.ts';

const tokenColumns = piiFields.map(({ column }) => column).join(', ');

// tokens of the newest KMS key: `sls remove` ends the keys, and rows from before it stay sealed
const openable = `
  select token from vault.pii_vault join vault.data_keys on data_keys.id = data_key_id
  where kms_key_arn = (
    select kms_key_arn from vault.data_keys order by created_at desc limit 1
  )`;

/** How many messages the vault has stored, each once. */
export async function countIngested(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    'select count(*)::integer as count from vault.ingested_messages',
  );
  return rows[0]?.count ?? 0;
}

/** Rows of `public.user_logins`, as an analyst sees them. */
export async function someLogins(client: Client, rows: number): Promise<Record<string, unknown>[]> {
  const result = await client.query<Record<string, unknown>>(
    `select user_id, device_type, ${tokenColumns}, locale, app_version,
       create_date::text as create_date
     from public.user_logins limit $1`,
    [rows],
  );
  return result.rows;
}

export interface RepeatedToken {
  token: string;
  logins: number;
}

/** The tokens that most logins share, most shared first; only such as can be revealed. */
export async function mostRepeated(client: Client, rows: number): Promise<RepeatedToken[]> {
  const result = await client.query<RepeatedToken>(
    `select token, count(*)::integer as logins
     from public.user_logins, unnest(array[${tokenColumns}]) as token
     where token in (${openable})
     group by token order by logins desc, token limit $1`,
    [rows],
  );
  return result.rows;
}

/**
 * A token in the vault that fewest logins share: one to erase for show. Given users, one that
 * nobody else's logins have.
 */
export async function leastRepeated(
  client: Client,
  users: readonly string[] | null = null,
): Promise<string | null> {
  const result = await client.query<{ token: string }>(
    `select token
     from public.user_logins, unnest(array[${tokenColumns}]) as token
     where token in (${openable})
     group by token having $1::text[] is null or bool_and(user_id = any ($1))
     order by count(*), token desc limit 1`,
    [users],
  );
  return result.rows[0]?.token ?? null;
}

/** The audit row that the newest request for this token left. */
export async function lastAuditRow(
  client: Client,
  token: string,
): Promise<Record<string, unknown> | null> {
  const result = await client.query<Record<string, unknown>>(
    `select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' as at, action,
       principal, principal_source, reason, token, outcome, left(encode(hash, 'hex'), 16) || '…' as hash
     from vault.reveal_audit where token = $1 order by id desc limit 1`,
    [token],
  );
  return result.rows[0] ?? null;
}
