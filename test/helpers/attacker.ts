import { randomUUID } from 'node:crypto';
import { Client } from 'pg';

import type { Role } from '../../db/roles.ts';
import { someToken } from './audit.ts';
import { testPassword } from './cluster.ts';
import type { TestDatabase } from './database.ts';

const open = new Set<Client>();

/** A session of somebody who has stolen the login of this role and uses nothing of ours. */
export async function stolenLogin(
  { port, name }: Pick<TestDatabase, 'port' | 'name'>,
  role: Role,
): Promise<Client> {
  const client = new Client({
    host: '127.0.0.1',
    port,
    database: name,
    user: role,
    password: testPassword,
  });
  client.on('error', () => undefined);
  await client.connect();
  open.add(client);
  // on Postgres 16, who reads a catalog page first in a new database may have to try again (flush_commits.sql)
  if (role.startsWith('vault_reveal')) await client.query(take('none')).catch(() => undefined);
  return client;
}

/** Ends the sessions of all stolen logins, what hangs in them too. */
export async function endStolenLogins(): Promise<void> {
  const clients = [...open];
  open.clear();
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
}

/** Has the vault hold a sealed value for each of `count` tokens; returns them. The values open nothing. */
export async function holdValues({ admin }: Pick<TestDatabase, 'admin'>, count = 1) {
  const tokens = Array.from({ length: count }, (_, n) => someToken(n));
  const key = randomUUID();
  await admin.query(
    `insert into vault.data_keys (id, wrapped_key, kms_key_arn) values ($1, '\\x01', 'arn')`,
    [key],
  );
  await admin.query(
    `insert into vault.pii_vault (token, kind, ciphertext, data_key_id)
     select vault.token_bytes(token), 'ip', '\\x02', $2 from unnest($1::text[]) as token`,
    [tokens, key],
  );
  return tokens;
}

/** A claim of these tokens as SQL text. */
export function claim(request: string, tokens: readonly string[], source = 'claimed'): string {
  return `select token, outcome from vault.claim_reveal(
    '${request}', '${source}', 'mallory', 'a reason of somebody', '{${tokens.join(',')}}')`;
}

/** A take as SQL text. */
export const take = (request: string) => `select token from vault.take_revealed('${request}')`;

/** The outcomes in the audit, as anybody sees who comes later. */
export async function auditOutcomes({
  admin,
}: {
  admin: Pick<Client, 'query'>;
}): Promise<string[]> {
  const { rows } = await admin.query<{ outcome: string }>(
    'select outcome from vault.reveal_audit order by id',
  );
  return rows.map(({ outcome }) => outcome);
}
