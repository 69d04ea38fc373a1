import { sql } from 'drizzle-orm';
import type { Pool } from 'pg';

import { DatabaseError } from '../lib/errors.ts';
import type { WrittenBatch } from '../lib/ingest/ingest.ts';
import type { MaskedBatch } from '../lib/ingest/mask.ts';
import { byteaArray, dateArray, integerArray, textArray, uuidArray } from './binary-array.ts';
import { repeatable, run, statement } from './query.ts';
import { dataKeys, ingestedMessages, piiVault, userLogins } from './schema.ts';
import { createSharedClient } from './shared-client.ts';

const p = sql.placeholder;

// Only what a message brings for the first time is written: a message delivered again must not
// bring back a value erased in between. Rows are inserted in the order of their keys, the ledger
// before the vault, so that two writers wait for each other in one direction only.
const writeBatchStatement = statement<{ stored: number; sealed: number }>(
  'write_batch',
  sql`
  with login as materialized (
    select *
    from unnest(
      ${p('messageIds')}::uuid[], ${p('sentDays')}::date[], ${p('resentDays')}::date[],
      ${p('userIds')}::text[], ${p('deviceTypes')}::text[], ${p('maskedIps')}::text[],
      ${p('maskedDeviceIds')}::text[], ${p('locales')}::text[], ${p('appVersions')}::integer[]
    ) as login (
      message_id, sent_on, resent_on,
      user_id, device_type, masked_ip, masked_device_id, locale, app_version
    )
  ), key as (
    select ${p('dataKeyId')}::uuid as id, ${p('wrappedKey')}::bytea, ${p('kmsKeyArn')}::text
  ), received as (
    insert into ${ingestedMessages} (message_id, sent_on, resent_on)
    select message_id, sent_on, resent_on from login
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
      ${p('tokens')}::text[], ${p('kinds')}::text[], ${p('ciphertexts')}::bytea[]
    ) as value (token, kind, ciphertext)
    where (select count(*) from received) = (select count(*) from login)
      or token in (select masked_ip from fresh union all select masked_device_id from fresh)
    order by token collate "C"
    on conflict (token) do nothing
    returning 1
  ), stored as (
    insert into public.${userLogins}
      (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date)
    select user_id, device_type, masked_ip, masked_device_id, locale, app_version, sent_on
    from fresh
  )
  select
    (select count(*) from received)::integer as stored,
    (select count(*) from sealed)::integer as sealed
`,
);

/**
 * Writes batches, each all or nothing and in the order given, without waiting for the answer to the
 * one before. Repeating one adds nothing, so when its connection fails under it, it is tried once
 * more on a new one. Throws `DatabaseError`.
 */
export function createBatchWriter(pool: Pool): (batch: MaskedBatch) => Promise<WrittenBatch> {
  const shared = createSharedClient(pool);
  return async (batch) => {
    const values = parameters(batch);
    const [written] = await repeatable(() =>
      shared((connection) => run(connection, writeBatchStatement, values)),
    );
    if (written === undefined) throw new DatabaseError(null);
    return written;
  };
}

function parameters({ logins, sealed, dataKey }: MaskedBatch): Record<string, unknown> {
  return {
    messageIds: uuidArray(logins.map((login) => login.messageId)),
    sentDays: dateArray(logins.map((login) => login.sentOn)),
    resentDays: dateArray(logins.map((login) => login.resentOn)),
    userIds: textArray(logins.map((login) => login.userId)),
    deviceTypes: textArray(logins.map((login) => login.deviceType)),
    maskedIps: textArray(logins.map((login) => login.maskedIp)),
    maskedDeviceIds: textArray(logins.map((login) => login.maskedDeviceId)),
    locales: textArray(logins.map((login) => login.locale)),
    appVersions: integerArray(logins.map((login) => login.appVersion)),
    tokens: textArray(sealed.map((value) => value.token)),
    kinds: textArray(sealed.map((value) => value.kind)),
    ciphertexts: byteaArray(sealed.map((value) => value.ciphertext)),
    dataKeyId: dataKey?.id ?? null,
    wrappedKey: dataKey?.wrapped ?? null,
    kmsKeyArn: dataKey?.kmsKeyArn ?? null,
  };
}
