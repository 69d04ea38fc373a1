import { sql } from 'drizzle-orm';

import type { TokenKeyArns } from '../../lib/crypto/kms.ts';
import { type Connection, run, statement } from '../query.ts';
import { rotation, tokenGeneration } from '../schema.ts';

const keysStatement = statement<{ generation: number; key: string }>(
  'token_keys',
  sql`
  select generation, kms_key_arn as key from ${tokenGeneration} where kms_key_arn is not null
  union all
  select from_generation + 1, next_key from ${rotation} where phase = 'mapping' and next_key is not null
`,
);

/**
 * A phrase for each generation of the token key, the present one and the one that values are mapped to, for which the stage
 * has another key than the one that was used: equal values would have different tokens. Throws `DatabaseError`.
 */
export async function findOtherTokenKeys(
  connection: Connection,
  deployed: TokenKeyArns,
): Promise<string[]> {
  return (await run(connection, keysStatement)).flatMap(({ generation, key }) => {
    const other = deployed.get(generation);
    if (other === undefined || other === key) return [];
    return [
      `tokens of generation ${generation} are of the token key ${key}, and the stage has ${other} for them: see ` +
        'docs/operations.md, "The token key leaked"',
    ];
  });
}
