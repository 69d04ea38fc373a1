import { findUserTokens, type UserToken } from '../db/find-user-tokens.ts';
import { interruptible, withPool } from './database.ts';
import { databaseConfig, type DatabaseOptions } from './login.ts';
import type { Stage } from './stage.ts';
import { table } from './table.ts';

/**
 * Finds the tokens of this user's logins, as `vault_analyst`, and shows them with how many other users have
 * each; where there are none, shows nothing.
 */
export async function showUserTokens(
  stage: Stage,
  userId: string,
  options: DatabaseOptions,
  signal: AbortSignal,
): Promise<UserToken[]> {
  const config = await databaseConfig(stage, 'vault_analyst', options);
  const found = await withPool(interruptible(config, signal), (pool) =>
    findUserTokens(pool, userId),
  );
  if (found.length === 0) return [];
  const rows = found.map(({ token, logins, otherUsers }, index) => ({
    '#': index + 1,
    token,
    logins,
    'other users': otherUsers,
  }));
  console.error(`${table(rows)}\n`);
  return found;
}
