import { sql } from 'drizzle-orm';

import { type PiiKind, piiFields } from '../lib/pii-fields.ts';
import { type Connection, run, statement } from './query.ts';
import { userLogins } from './schema.ts';

/** A token of one user's logins. */
export interface UserToken {
  token: string;
  kind: PiiKind;
  /** How many logins of this user have it. */
  logins: number;
  /** How many other users have it too. */
  otherUsers: number;
}

const userId = sql.placeholder('userId');

// one pass over each column: the tokens of the user, then whoever else has one of them
const statements = piiFields.map(({ kind, column }) => {
  const token = sql.identifier(column);
  return {
    kind,
    find: statement<{ token: string; logins: string; other_users: string }>(
      `find_user_tokens_${kind}`,
      sql`
      select login.${token} as token,
        count(*) filter (where login.user_id = ${userId}::text) as logins,
        count(distinct login.user_id) filter (where login.user_id <> ${userId}::text) as other_users
      from ${userLogins} as login
      where login.${token} in (
        select own.${token} from ${userLogins} as own where own.user_id = ${userId}::text
      )
      group by login.${token}
      order by other_users desc, logins desc, token
    `,
    ),
  };
});

/** The tokens of this user's logins, those that most others share first in each kind. Throws `DatabaseError`. */
export async function findUserTokens(connection: Connection, user: string): Promise<UserToken[]> {
  const found: UserToken[] = [];
  for (const { kind, find } of statements) {
    for (const row of await run(connection, find, { userId: user })) {
      const { token, logins, other_users: otherUsers } = row;
      found.push({ token, kind, logins: Number(logins), otherUsers: Number(otherUsers) });
    }
  }
  return found;
}
