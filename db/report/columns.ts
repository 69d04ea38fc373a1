import { type SQL, sql } from 'drizzle-orm';

import type { PiiColumn } from '../../lib/pii-fields.ts';

// Texts are compared by their 64-bit hashes, which take a fifth of the memory. Among ten million texts, two share a
// hash with a probability of three in a million.

/** The user of a login, as a number. */
export const user: SQL = sql`hashtextextended(user_id::text, 0)`;

/** The day, device type, locale and version of a login, as one number: what others may know about it. */
export const traits: SQL = sql`hash_record_extended(
  row(create_date::date, device_type::text, locale::text, app_version), 0
)`;

/** The token in a column, as a number. */
export function token(column: PiiColumn): SQL {
  return sql`hashtextextended(${sql.identifier(column)}::text, 0)`;
}

/** The shape `T` as a row that a statement returns. */
export type RowOf<T> = { [Key in keyof T]: T[Key] };
