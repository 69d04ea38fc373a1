import { type SQL, sql } from 'drizzle-orm';
import type { Pool } from 'pg';

import type { TokenKeyArns } from '../lib/crypto/kms.ts';
import { DatabaseError, InvalidConfig } from '../lib/errors.ts';
import type { Unwritten, WrittenBatch } from '../lib/ingest/deps.ts';
import type { MaskedBatch, MaskedLogin } from '../lib/ingest/mask.ts';
import { perField, type PiiColumn } from '../lib/pii-fields.ts';
import {
  byteaArray,
  dateArray,
  integerArray,
  textArray,
  tokenArray,
  uuidArray,
} from './binary-array.ts';
import { endStaleSessions } from './end-stale-sessions.ts';
import { repeatable, run, statement } from './query.ts';
import type { LoginColumn } from './schema.ts';
import { createSharedClient } from './shared-client.ts';
import { table } from './table-name.ts';

const p = sql.placeholder;
const userLogins = table('public.user_logins');
const ipNetworks = table('public.ip_networks');
const ingestedMessages = table('vault.ingested_messages');
const dataKeys = table('vault.data_keys');
const piiVault = table('vault.pii_vault');
const tokenGeneration = table('vault.token_generation');

/** What goes to a column of `user_logins`: an array with an element for each login. */
interface Values {
  type: 'text' | 'integer';
  array: (logins: readonly MaskedLogin[]) => Buffer;
}

const text = (of: (login: MaskedLogin) => string | null): Values => ({
  type: 'text',
  array: (logins) => textArray(logins.map(of)),
});

// a column that db/schema.ts lacks is an error of TypeScript here
const tokenColumns = perField(
  ({ column }) => column satisfies LoginColumn,
  ({ kind }) => text((login) => login.tokens[kind]),
);

// so is a column of db/schema.ts that is not written; the day is sent once, also for the ledger
const otherColumns: Record<Exclude<LoginColumn, PiiColumn | 'create_date'>, Values> = {
  user_id: text((login) => login.userId),
  device_type: text((login) => login.deviceType),
  locale: text((login) => login.locale),
  app_version: {
    type: 'integer',
    array: (logins) => integerArray(logins.map((login) => login.appVersion)),
  },
};

const columns = Object.entries<Values>({ ...otherColumns, ...tokenColumns });
const columnNames = sql.join(
  columns.map(([name]) => sql.identifier(name)),
  sql`, `,
);
const columnArrays = sql.join(
  columns.map(([name, { type }]) => sql`${p(name)}::${sql.raw(type)}[]`),
  sql`, `,
);
const freshTokens = sql.join(
  Object.keys(tokenColumns).map((name) => {
    const digits = sql`translate(right(${sql.identifier(name)}, 27), '-_', '+/')`;
    return sql`select decode(${digits} || '=', 'base64') from fresh`;
  }),
  sql` union all `,
);

// Only new messages are written: a message that is delivered again must not bring back a value that
// was erased in between. Rows are inserted in the order of their keys, the ledger before the vault, so
// that two writers cannot wait for each other in a circle. While the tokens of user_logins are replaced,
// this statement waits for its lock on the table, and only then takes the snapshot in which it reads the
// generation.
const writeBatch = (name: string, networks: SQL) =>
  statement<{
    stored: number;
    sealed: number;
    missing: number;
    generation: number;
    is_own: boolean;
  }>(
    name,
    sql`
  with login as materialized (
    select *
    from unnest(
      ${p('messageIds')}::uuid[], ${p('sentDays')}::date[], ${p('resentDays')}::date[],
      ${columnArrays}
    ) as login (message_id, sent_on, resent_on, ${columnNames})
  ), suppressed as materialized (
    select vault.suppressed(${p('unsealed')}::bytea[] || ${p('tokens')}::bytea[]) as tokens
  ), missing as materialized (
    select count(*) as tokens from unnest(${p('unsealed')}::bytea[]) as unsealed (token)
    where not exists (select from ${piiVault} as held where held.token = unsealed.token)
      and token <> all ((select tokens from suppressed)::bytea[])
  ), present as materialized (
    -- of the first generation, the key is not known
    select generation, coalesce(kms_key_arn = ${p('tokenKey')}::text, true) as is_own from ${tokenGeneration}
  ), key as (
    select ${p('dataKeyId')}::uuid as id, ${p('wrappedKey')}::bytea, ${p('kmsKeyArn')}::text
  ), received as (
    insert into ${ingestedMessages} (message_id, sent_on, resent_on)
    select message_id, sent_on, resent_on from login
    where (select tokens from missing) = 0
      and (select is_own and generation = ${p('generation')}::integer from present)
    order by message_id
    on conflict (message_id) do nothing
    returning message_id
  ), fresh as materialized (
    select login.* from login join received using (message_id)
  ), data_key as (
    insert into ${dataKeys} (id, wrapped_key, kms_key_arn)
    select * from key where id is not null and exists (select from fresh)
    on conflict (id) do nothing
  ), sealed as (
    insert into ${piiVault} (token, kind, ciphertext, data_key_id)
    select token, kind::vault.pii_kind, ciphertext, (select id from key)
    from unnest(
      ${p('tokens')}::bytea[], ${p('kinds')}::text[], ${p('ciphertexts')}::bytea[]
    ) as value (token, kind, ciphertext)
    where token <> all ((select tokens from suppressed)::bytea[]) and (
      (select count(*) from received) = (select count(*) from login) or token in (${freshTokens})
    )
    order by token
    on conflict (token) do nothing
    returning token
  )${networks}, stored as (
    insert into ${userLogins} (${columnNames}, create_date)
    select ${columnNames}, sent_on from fresh
  )
  select
    (select count(*) from received)::integer as stored,
    (select count(*) from sealed)::integer as sealed,
    (select tokens from missing)::integer as missing,
    (select generation from present) as generation,
    (select is_own from present) as is_own,
    -- any role can lower this for itself, and an acknowledged message must be on disk
    case current_setting('synchronous_commit')
      when 'off' then set_config('synchronous_commit', 'on', true)
    end
`,
  );

// only of what this statement sealed: an erase that removes a sealed value finds its networks, or neither
const insertNetworks = sql`, networks as (
    insert into ${ipNetworks} (masked_ip, masked_network, masked_subnet)
    select masked_ip, masked_network, masked_subnet
    from unnest(
      ${p('ips')}::bytea[], ${p('maskedIps')}::text[], ${p('networks')}::text[], ${p('subnets')}::text[]
    ) as network (token, masked_ip, masked_network, masked_subnet)
    join sealed using (token)
    order by masked_ip
    on conflict (masked_ip) do nothing
  )`;

const writeBatchStatement = writeBatch('write_batch', sql``);
const writeBatchAndNetworksStatement = writeBatch('write_batch_and_networks', insertNetworks);

/**
 * Writes batches, each all or nothing and in the order given, without waiting for the answer to the
 * one before. After a lost connection a batch is tried once more on a new one: writing it twice adds
 * nothing. Says why nothing was written, if a token was left unsealed that the vault does not hold, or if
 * the tokens are not of the present generation. `tokenKeys` are the keys that the tokens are made under. Throws
 * `InvalidConfig` if the one of the present generation is not that of all other tokens, and `DatabaseError`; after a
 * statement that took too long, it ends sessions that hang.
 */
export function createBatchWriter(
  pool: Pool,
  tokenKeys: TokenKeyArns = new Map(),
): (batch: MaskedBatch) => Promise<WrittenBatch | Unwritten> {
  const shared = createSharedClient(pool);
  return async (batch) => {
    const tokenKey = tokenKeys.get(batch.generation) ?? null;
    const values = { ...parameters(batch), tokenKey };
    const wanted =
      batch.networks.length === 0 ? writeBatchStatement : writeBatchAndNetworksStatement;
    const [written] = await repeatable(() =>
      shared((connection) => run(connection, wanted, values)),
    ).catch(async (error: unknown) => {
      // a session that hangs in an erase keeps values and the table of tombstones locked
      if (error instanceof DatabaseError && error.state === '57014') {
        await endStaleSessions(pool).catch(() => undefined);
      }
      throw error;
    });
    if (written === undefined) throw new DatabaseError(null);
    const { missing, generation, is_own: isOwn, ...counts } = written;
    if (generation !== batch.generation) return { unwritten: 'generation', generation };
    if (!isOwn) {
      const problem = `names another key of generation ${generation} than the one that the tokens are of`;
      throw new InvalidConfig('TOKEN_KEY_ARNS', problem);
    }
    return missing === 0 ? counts : { unwritten: 'unsealed' };
  };
}

function parameters({
  generation,
  logins,
  sealed,
  unsealed,
  networks,
  dataKey,
}: MaskedBatch): Record<string, unknown> {
  return {
    generation,
    messageIds: uuidArray(logins.map((login) => login.messageId)),
    sentDays: dateArray(logins.map((login) => login.sentOn)),
    resentDays: dateArray(logins.map((login) => login.resentOn)),
    ...Object.fromEntries(columns.map(([name, { array }]) => [name, array(logins)])),
    tokens: tokenArray(sealed.map((value) => value.token)),
    kinds: textArray(sealed.map((value) => value.kind)),
    ciphertexts: byteaArray(sealed.map((value) => value.ciphertext)),
    unsealed: tokenArray(unsealed),
    ips: tokenArray(networks.map(({ maskedIp }) => maskedIp)),
    maskedIps: textArray(networks.map(({ maskedIp }) => maskedIp)),
    networks: textArray(networks.map(({ tokens }) => tokens.network)),
    subnets: textArray(networks.map(({ tokens }) => tokens.subnet)),
    dataKeyId: dataKey?.id ?? null,
    wrappedKey: dataKey?.wrapped ?? null,
    kmsKeyArn: dataKey?.kmsKeyArn ?? null,
  };
}
