import { sql } from 'drizzle-orm';

import { type Connection, run, statement } from '../query.ts';
import {
  ipNetworks,
  piiVault,
  revealAudit,
  rotation,
  tokenGeneration,
  tokenMap,
  tombstones,
} from '../schema.ts';

const reapplyStatement = statement<{ count: string }>(
  'reapply_erasures',
  sql`
  with erased as (
    delete from ${piiVault} as value
    using ${revealAudit} as audit
    where value.token = vault.token_bytes(audit.token)
      and vault.token_text(value.kind, value.token) = audit.token
      and audit.action = 'erase' and audit.outcome = 'erased'
      and audit.id > ${sql.placeholder('auditId')}::bigint
    returning value.token
  ), recorded as (
    insert into ${tombstones} (kind, token, ended)
    select distinct known.kind, vault.token_bytes(audit.token), 'erased'
    from ${revealAudit} as audit
    join unnest(enum_range(null::vault.pii_kind)) as known (kind)
      on vault.token_text(known.kind, vault.token_bytes(audit.token)) = audit.token
    where audit.action = 'erase' and audit.outcome = 'erased'
    on conflict (token) do nothing
  )
  select count(*) as count from erased
`,
);

const reapplySuppressionsStatement = statement(
  'reapply_suppressions',
  sql`
  with newest as (
    select distinct on (audit.token) audit.token, audit.action = 'suppress' as suppressed
    from ${revealAudit} as audit where audit.outcome in ('suppressed', 'lifted')
      and audit.action in ('suppress', 'lift')
    order by audit.token, audit.id desc
  )
  insert into ${tombstones} (kind, token, suppressed)
  select known.kind, vault.token_bytes(newest.token), newest.suppressed from newest
  join unnest(enum_range(null::vault.pii_kind)) as known (kind)
    on vault.token_text(known.kind, vault.token_bytes(newest.token)) = newest.token
  where newest.suppressed or exists (
    select from ${tombstones} as gone where gone.token = vault.token_bytes(newest.token)
  )
  on conflict (token) do update set suppressed = excluded.suppressed
`,
);

const deleteSuppressedStatement = statement<{ count: string }>(
  'delete_suppressed',
  sql`
  with gone as (
    delete from ${piiVault} as value using ${tombstones} as tombstone
    where tombstone.token = value.token and tombstone.suppressed
    returning value.token
  )
  select count(*) as count from gone
`,
);

const deleteNetworksStatement = statement(
  'delete_networks_of_gone_addresses',
  sql`
  delete from public.${ipNetworks} as network
  where not exists (
    select from ${piiVault} as value where value.token = vault.token_bytes(network.masked_ip)
  )
  -- a rotation has written the networks of the next names already, and does not write them again
  and not exists (
    select from ${rotation} as rotation
    join ${tokenMap} as map on rotation.phase <> 'swapped'
    join ${piiVault} as value on value.token = map.new_token
    where network.masked_ip = vault.network_key(rotation.from_generation + 1, map.new_token)
  )
`,
);

// while the token key is rotated, a value is there under two tokens: the other one goes too
const counterpartsStatement = statement(
  'reapply_erasures_of_counterparts',
  sql`
  delete from ${piiVault} as value
  using ${tokenMap} as map, ${rotation} as rotation
  where map.origin in ('held', 'broken')
    and value.token = case rotation.phase when 'swapped' then map.token else map.new_token end
    and not exists (
      select from ${piiVault} as other
      where other.token = case rotation.phase when 'swapped' then map.new_token else map.token end
    )
`,
);

const laterStatement = statement<{ count: string }>(
  'count_erasures_of_later_generations',
  sql`
  select count(distinct audit.token) as count from ${revealAudit} as audit
  cross join lateral substring(audit.token from '_v([1-9][0-9]{0,8})_[A-Za-z0-9_-]{27}$') as named (generation)
  where audit.action = 'erase' and audit.outcome = 'erased' and audit.id > ${sql.placeholder('auditId')}::bigint
    and named.generation::integer > (select generation from ${tokenGeneration})
`,
);

/**
 * How many values were erased after the copy was made, under tokens of a later generation: the copy does
 * not know these names, nor which of the values it holds, until its tokens are replaced too, which deletes
 * the values. Throws `DatabaseError`.
 */
export async function countLaterErasures(connection: Connection, auditId: number): Promise<number> {
  const [row] = await run(connection, laterStatement, { auditId });
  return Number(row?.count ?? 0);
}

/**
 * Deletes again, from a restored copy of the vault, what was erased after the copy was made; returns
 * how many values. Records every erase of the audit in `vault.tombstones`, which an older copy lacks, and
 * which values are suppressed by now. The audit must be the newest one, and `auditId` the last row of the
 * copy's audit. An erase and its audit row commit together, so this id shows what the copy knew, independent
 * of any clock: a value with a later erase is the one that was erased; a value with only earlier erases was
 * collected again after them, and stays. May be repeated, as long as nothing new has been collected. Throws
 * `DatabaseError`.
 */
export async function reapplyErasures(connection: Connection, auditId: number): Promise<number> {
  const [erased] = await run(connection, reapplyStatement, { auditId });
  await run(connection, counterpartsStatement);
  await run(connection, reapplySuppressionsStatement);
  const [suppressed] = await run(connection, deleteSuppressedStatement);
  await run(connection, deleteNetworksStatement);
  return Number(erased?.count ?? 0) + Number(suppressed?.count ?? 0);
}
