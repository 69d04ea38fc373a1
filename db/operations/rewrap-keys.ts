import { sql } from 'drizzle-orm';

import type { WrappedDataKey } from '../../lib/crypto/kms.ts';
import { type Connection, run, statement } from '../query.ts';
import { dataKeys } from '../schema.ts';

const p = sql.placeholder;

const pageStatement = statement<{ id: string; wrapped_key: Buffer; kms_key_arn: string }>(
  'data_keys_to_rewrap',
  sql`
  select id, wrapped_key, kms_key_arn from ${dataKeys}
  where kms_key_arn <> ${p('to')}::text
    and (${p('after')}::uuid is null or id > ${p('after')}::uuid)
  order by id
  limit ${p('limit')}::integer
`,
);

/**
 * The next data keys after the id `after` (null: from the first) that are not wrapped by the KMS key
 * `toKeyArn`, in the order of their ids. Throws `DatabaseError`.
 */
export async function dataKeysToRewrap(
  connection: Connection,
  toKeyArn: string,
  after: string | null,
  limit: number,
): Promise<WrappedDataKey[]> {
  const rows = await run(connection, pageStatement, { to: toKeyArn, after, limit });
  return rows.map((row) => ({
    id: row.id,
    wrapped: row.wrapped_key,
    kmsKeyArn: row.kms_key_arn,
  }));
}

const replaceStatement = statement<{ id: string }>(
  'replace_wrapped_key',
  sql`
  update ${dataKeys}
  set wrapped_key = ${p('wrapped')}::bytea, kms_key_arn = ${p('kmsKeyArn')}::text
  where id = ${p('id')}::uuid and wrapped_key = ${p('before')}::bytea
  returning id
`,
);

/** Replaces the row that was read by `key`; false if it has changed since. Throws `DatabaseError`. */
export async function replaceWrappedKey(
  connection: Connection,
  key: WrappedDataKey,
  before: WrappedDataKey,
): Promise<boolean> {
  const rows = await run(connection, replaceStatement, { ...key, before: before.wrapped });
  return rows.length === 1;
}

const countStatement = statement<{ kms_key_arn: string; count: string }>(
  'count_data_keys',
  sql`select kms_key_arn, count(*) as count from ${dataKeys} group by kms_key_arn order by kms_key_arn`,
);

/** How many data keys each KMS key wraps, by ARN. Throws `DatabaseError`. */
export async function countDataKeys(connection: Connection): Promise<Map<string, number>> {
  const rows = await run(connection, countStatement);
  return new Map(rows.map((row) => [row.kms_key_arn, Number(row.count)]));
}

/** The data keys that one KMS key wraps. */
export interface DataKeyGroup {
  kmsKeyArn: string;
  count: number;
  /** UTC, `YYYY-MM-DD HH:MM`. */
  oldest: string;
  newest: string;
}

const groupsStatement = statement<{
  kms_key_arn: string;
  count: string;
  oldest: string;
  newest: string;
}>(
  'group_data_keys',
  sql`
  select
    kms_key_arn, count(*) as count,
    to_char(min(created_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as oldest,
    to_char(max(created_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as newest
  from ${dataKeys} group by kms_key_arn order by max(created_at) desc
`,
);

/** How many data keys each KMS key wraps, and from when they are. Throws `DatabaseError`. */
export async function groupDataKeys(connection: Connection): Promise<DataKeyGroup[]> {
  const rows = await run(connection, groupsStatement);
  return rows.map(({ kms_key_arn, count, oldest, newest }) => ({
    kmsKeyArn: kms_key_arn,
    count: Number(count),
    oldest,
    newest,
  }));
}
