import { sql } from 'drizzle-orm';
import type { Pool } from 'pg';

import type { StoredValue } from '../lib/requests/reveal.ts';
import { type Connection, repeatable, run, statement } from './query.ts';
import { dataKeys, piiVault } from './schema.ts';

const tokens = sql.placeholder('tokens');

const readSealedStatement = statement<{
  token: string;
  kind: StoredValue['kind'];
  ciphertext: Buffer;
  data_key_id: string;
  wrapped_key: Buffer;
  kms_key_arn: string;
}>(
  'read_sealed',
  sql`
  select value.token, value.kind, value.ciphertext, key.id as data_key_id, key.wrapped_key, key.kms_key_arn
  from ${piiVault} as value join ${dataKeys} as key on key.id = value.data_key_id
  where value.token = any (${tokens}::text[])
`,
);

/** The sealed values of those tokens that the vault holds, in no order. Throws `DatabaseError`. */
export async function readSealed(pool: Pool, wanted: readonly string[]): Promise<StoredValue[]> {
  const rows = await repeatable(() => run(pool, readSealedStatement, { tokens: wanted }));
  return rows.map((row) => ({
    token: row.token,
    kind: row.kind,
    ciphertext: row.ciphertext,
    dataKey: { id: row.data_key_id, wrapped: row.wrapped_key, kmsKeyArn: row.kms_key_arn },
  }));
}

const heldTokensStatement = statement<{ token: string }>(
  'held_tokens',
  sql`select token from ${piiVault} where token = any (${tokens}::text[])`,
);

/** Which of the tokens the vault holds a value for. Throws `DatabaseError`. */
export async function heldTokens(
  connection: Connection,
  wanted: readonly string[],
): Promise<Set<string>> {
  const rows = await run(connection, heldTokensStatement, { tokens: wanted });
  return new Set(rows.map(({ token }) => token));
}

const erasedTokensStatement = statement<{ token: string }>(
  'erased_tokens',
  sql`select token from vault.erased_tokens(${tokens}::text[]) as token`,
);

/** Which of the tokens an erase has removed at some time. Throws `DatabaseError`. */
export async function erasedTokens(
  connection: Connection,
  wanted: readonly string[],
): Promise<Set<string>> {
  const rows = await run(connection, erasedTokensStatement, { tokens: wanted });
  return new Set(rows.map(({ token }) => token));
}
