import { piiKinds } from '../../lib/pii-fields.ts';
import type { TestDatabase } from '../helpers/database.ts';

/** Messages of the last 15 days, in every vault: the ledger does not grow with the vault. */
const ledgerRows = 500_000;

/**
 * Fills a vault up to `values` sealed values with random rows of the real shape, made by the
 * server. The indexes are left two thirds full, as keys in random order leave them in time.
 */
export async function fill(database: TestDatabase, values: number): Promise<void> {
  const { admin } = database;
  const { rows } = await admin.query<{ count: number }>(
    'select count(*)::integer as count from vault.pii_vault',
  );
  const missing = values - rows[0]!.count;
  await admin.query(`
    alter table vault.pii_vault drop constraint pii_vault_pkey;
    alter table vault.ingested_messages drop constraint ingested_messages_pkey;
    set session_replication_role = replica;
    set synchronous_commit = off`);
  await admin.query(
    `insert into vault.pii_vault (token, kind, ciphertext, data_key_id)
    select
      substr(sha256(n::text::bytea), 1, 20),
      kind::vault.pii_kind,
      sha256(n::text::bytea) || substr(sha256((-n)::text::bytea), 1, 10),
      (select id from vault.data_keys limit 1)
    from generate_series(1, $1::integer) as n,
      lateral (select ($2::text[])[1 + n % cardinality($2::text[])]) as field (kind)`,
    [missing, piiKinds],
  );
  await admin.query(
    `insert into vault.ingested_messages
    select gen_random_uuid(), date '2026-01-31' - n % 15 from generate_series(1, $1::integer) as n`,
    [ledgerRows],
  );
  await admin.query(`
    set session_replication_role = default;
    set synchronous_commit = default;
    alter table vault.pii_vault add constraint pii_vault_pkey
      primary key (token) with (fillfactor = 67);
    alter table vault.ingested_messages add constraint ingested_messages_pkey
      primary key (message_id) with (fillfactor = 67);
    alter index vault.pii_vault_pkey reset (fillfactor);
    alter index vault.ingested_messages_pkey reset (fillfactor)`);
  await admin.query('vacuum analyze');
  await admin.query('checkpoint');
}
