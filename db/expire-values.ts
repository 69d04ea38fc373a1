import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from './query.ts';

interface ExpiredRow {
  next: string | null;
  expired: number;
}

const expireStatement = statement<ExpiredRow>(
  'expire_values',
  sql`select next, expired from vault.expire_values(${sql.placeholder('first')}::bigint)`,
);

const dropKeysStatement = statement<{ dropped: number; kms_keys: string[] }>(
  'drop_spent_keys',
  sql`select dropped, kms_keys from vault.drop_spent_keys()`,
);

/**
 * Deletes the sealed values that are older than the retention, in small transactions, until all were
 * looked at or `isOver`; returns how many. Does nothing where there is no retention. Throws
 * `DatabaseError`.
 */
export async function expireValues(
  connection: Connection,
  isOver: () => boolean = () => false,
): Promise<number> {
  let total = 0;
  let first: string | null = '0';
  while (first !== null && !isOver()) {
    const rows: ExpiredRow[] = await run(connection, expireStatement, { first });
    total += rows[0]?.expired ?? 0;
    first = rows[0]?.next ?? null;
  }
  return total;
}

/** The data keys that were deleted, and the KMS keys that wrap none any more, by ARN. */
export interface SpentKeys {
  dropped: number;
  kmsKeys: string[];
}

/** Deletes the data keys under which nothing is sealed any more. Reads all of the vault. Throws `DatabaseError`. */
export async function dropSpentKeys(connection: Connection): Promise<SpentKeys> {
  const [row] = await run(connection, dropKeysStatement);
  return { dropped: row?.dropped ?? 0, kmsKeys: row?.kms_keys ?? [] };
}
