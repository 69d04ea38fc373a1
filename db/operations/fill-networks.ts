import { sql } from 'drizzle-orm';
import type { Pool } from 'pg';

import type { MaskedNetworks } from '../../lib/ingest/mask.ts';
import type { SealedAddress } from '../../lib/operations/fill-networks.ts';
import { type Connection, run, statement, transaction } from '../query.ts';
import { dataKeys, ipNetworks, piiVault, tokenGeneration } from '../schema.ts';

const p = sql.placeholder;

const countStatement = statement<{
  addresses: string;
  filled: string;
  generation: number;
  key: string | null;
}>(
  'count_networks',
  sql`
  select
    (select count(*) from ${piiVault} where kind = 'ip') as addresses,
    (select count(*) from public.${ipNetworks}) as filled,
    present.generation, present.kms_key_arn as key
  from ${tokenGeneration} as present
`,
);

/** How many addresses the vault holds, how many have their networks, and the token key of all their tokens. */
export interface NetworkCounts {
  addresses: number;
  filled: number;
  generation: number;
  /** Its ARN; null if it is not known. */
  key: string | null;
}

/** Reads all of the vault. Throws `DatabaseError`. */
export async function countNetworks(connection: Connection): Promise<NetworkCounts> {
  const [row] = await run(connection, countStatement);
  return {
    addresses: Number(row?.addresses ?? 0),
    filled: Number(row?.filled ?? 0),
    generation: row?.generation ?? 1,
    key: row?.key ?? null,
  };
}

const pageStatement = statement<{
  token: string;
  ciphertext: Buffer;
  data_key_id: string;
  wrapped_key: Buffer;
  kms_key_arn: string;
}>(
  'addresses_without_networks',
  sql`
  select
    vault.token_text(value.kind, value.token) as token, value.ciphertext,
    key.id as data_key_id, key.wrapped_key, key.kms_key_arn
  from ${piiVault} as value join ${dataKeys} as key on key.id = value.data_key_id
  where value.kind = 'ip' and value.token > coalesce(vault.token_bytes(${p('after')}::text), '')
    and not exists (
      select from public.${ipNetworks} as network
      where network.masked_ip = vault.token_text(value.kind, value.token)
    )
  order by value.token
  limit ${p('limit')}::integer
`,
);

/** The next sealed addresses after a token (null: from the first) whose networks are not written. Throws `DatabaseError`. */
export async function addressesWithoutNetworks(
  connection: Connection,
  after: string | null,
  limit: number,
): Promise<SealedAddress[]> {
  const rows = await run(connection, pageStatement, { after, limit });
  return rows.map((row) => ({
    token: row.token,
    ciphertext: row.ciphertext,
    dataKey: { id: row.data_key_id, wrapped: row.wrapped_key, kmsKeyArn: row.kms_key_arn },
  }));
}

const lockStatement = statement('lock_audit_chain', sql`select vault.lock_audit_chain()`);

const recordStatement = statement(
  'record_opened_addresses',
  sql`
  select vault.append_event(
    'networks'::vault.audit_action, gen_random_uuid()::text, 'claimed'::vault.principal_source,
    ${p('principal')}::text, 'opened to write the tokens of networks'::text, 'revealed'::text,
    json_build_object('values', ${p('values')}::integer)
  )
`,
);

/** Commits an audit row that says how many addresses this person opens. Throws `DatabaseError`. */
export async function recordOpenedAddresses(
  pool: Pool,
  principal: string,
  values: number,
): Promise<void> {
  await transaction(pool, async (connection) => {
    await run(connection, lockStatement);
    await run(connection, recordStatement, { principal, values });
  });
}

const writeStatement = statement<{ written: number }>(
  'write_networks',
  sql`
  with held as (
    -- an erase that is under way removes the networks too, or they are not written
    select value.token from ${piiVault} as value
    where value.token in (select vault.token_bytes(token) from unnest(${p('ips')}::text[]) as token)
    order by value.token
    for key share
  ), written as (
    insert into public.${ipNetworks} (masked_ip, masked_network, masked_subnet)
    select network.masked_ip, network.masked_network, network.masked_subnet
    from unnest(${p('ips')}::text[], ${p('networks')}::text[], ${p('subnets')}::text[])
      as network (masked_ip, masked_network, masked_subnet)
    where vault.token_bytes(network.masked_ip) in (select token from held)
    order by network.masked_ip
    on conflict (masked_ip) do nothing
    returning masked_ip
  )
  select count(*)::integer as written from written
`,
);

/** Writes the networks of addresses that the vault still holds; returns of how many. Throws `DatabaseError`. */
export async function writeNetworks(
  connection: Connection,
  rows: readonly MaskedNetworks[],
): Promise<number> {
  const [row] = await run(connection, writeStatement, {
    ips: rows.map(({ maskedIp }) => maskedIp),
    networks: rows.map(({ tokens }) => tokens.network),
    subnets: rows.map(({ tokens }) => tokens.subnet),
  });
  return row?.written ?? 0;
}
