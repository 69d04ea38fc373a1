import { finished } from 'node:stream/promises';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

import {
  byteaArray,
  dateArray,
  integerArray,
  textArray,
  tokenArray,
  uuidArray,
} from '../../db/binary-array.ts';
import type { MaskedLogin } from '../../lib/ingest/mask.ts';
import { piiFields } from '../../lib/pii-fields.ts';
import type { FinishedRows } from './finished-rows.ts';

/** Writes finished rows by a client that knows nothing else, all or nothing. */
export type FloorWay = (
  client: Client,
  rows: FinishedRows,
  /** Whether this client saw the vault hold a value. */
  isHeld: (token: string) => boolean,
) => Promise<void>;

// All ways write a ledger row a message and leave out what the ledger and the vault hold already.
// They do less than ingest in one thing: they do not check that a message is new before they write
// its login, so a message delivered again would count twice. The floor is what the rows cost.
const ledger = 'insert into vault.ingested_messages (message_id, sent_on)';
const keys = 'insert into vault.data_keys (id, wrapped_key, kms_key_arn)';
const vault = 'insert into vault.pii_vault (token, kind, ciphertext, data_key_id)';
const loginTable = `public.user_logins
  (user_id, device_type, locale, app_version, create_date, ${piiFields.map(({ column }) => column).join()})`;
const logins = `insert into ${loginTable}`;

const unnestStatement = `
  with message as (
    ${ledger} select * from unnest($1::uuid[], $2::date[]) on conflict (message_id) do nothing
  ), key as (
    ${keys} values ($3, $4, $5) on conflict (id) do nothing
  ), value as (
    ${vault} select token, kind::vault.pii_kind, ciphertext, $3
    from unnest($6::bytea[], $7::text[], $8::bytea[]) as value (token, kind, ciphertext)
    on conflict (token) do nothing
  )
  ${logins} select * from unnest(
    $9::text[], $10::text[], $11::text[], $12::integer[], $2::date[],
    ${piiFields.map((_, index) => `$${13 + index}::text[]`).join()})`;

/** One statement, its rows in arrays: one round trip. */
const unnestText: FloorWay = async (client, rows) => {
  const { logins: login, values: value, dataKey } = rows;
  await client.query({
    name: 'unnest_text',
    text: unnestStatement,
    values: [
      list(login, (each) => each.messageId),
      list(login, (each) => each.sentOn),
      dataKey.id,
      dataKey.wrapped,
      dataKey.kmsKeyArn,
      list(value, (each) => `"\\\\x${hex(bytesOf(each.token))}"`),
      list(value, (each) => each.kind),
      list(value, (each) => `"\\\\x${hex(each.ciphertext)}"`),
      list(login, (each) => quoted(each.userId)),
      list(login, (each) => quoted(each.deviceType)),
      list(login, (each) => (each.locale === null ? 'NULL' : quoted(each.locale))),
      list(login, (each) => String(each.appVersion)),
      ...piiFields.map(({ kind }) => list(login, (each) => each.tokens[kind] ?? 'NULL')),
    ],
  });
};

/** The same in Postgres's binary format. */
const unnestBinary: FloorWay = async (client, rows) => {
  await client.query({
    name: 'unnest_binary',
    text: unnestStatement,
    values: binaryParameters(rows),
  });
};

function binaryParameters({ logins: login, values: value, dataKey }: FinishedRows): unknown[] {
  return [
    uuidArray(login.map((each) => each.messageId)),
    dateArray(login.map((each) => each.sentOn)),
    dataKey.id,
    dataKey.wrapped,
    dataKey.kmsKeyArn,
    tokenArray(value.map((each) => each.token)),
    textArray(value.map((each) => each.kind)),
    byteaArray(value.map((each) => each.ciphertext)),
    textArray(login.map((each) => each.userId)),
    textArray(login.map((each) => each.deviceType)),
    textArray(login.map((each) => each.locale)),
    integerArray(login.map((each) => each.appVersion)),
    ...piiFields.map(({ kind }) => textArray(login.map((each) => each.tokens[kind]))),
  ];
}

const checkedStatement = unnestStatement
  .replace(
    'with message as (',
    `with missing as materialized (
      select from unnest($${13 + piiFields.length}::bytea[]) as held (token)
      where not exists (select from vault.pii_vault as value where value.token = held.token)
    ), message as (`,
  )
  .concat(' where (select count(*) from missing) = 0');

/** The same with the values only that the client has not seen before; the statement checks that the others are there. */
const unnestHeld: FloorWay = async (client, { logins: login, values, dataKey }, isHeld) => {
  const value = values.filter(({ token }) => !isHeld(token));
  const { rowCount } = await client.query({
    name: 'unnest_held',
    text: checkedStatement,
    values: [
      ...binaryParameters({ logins: login, values: value, dataKey }),
      tokenArray(values.filter(({ token }) => isHeld(token)).map(({ token }) => token)),
    ],
  });
  if (rowCount !== login.length) throw new Error('a value is not held');
};

/** Literals in four statements of the simple protocol, which are one transaction: one round trip. */
const inLiterals: FloorWay = async (client, { logins: login, values: value, dataKey }) => {
  await client.query(`
    ${ledger} values ${commas(login, (each) => `('${each.messageId}','${each.sentOn}')`)}
      on conflict (message_id) do nothing;
    ${keys} values ('${dataKey.id}', '\\x${hex(dataKey.wrapped)}', '${dataKey.kmsKeyArn}')
      on conflict (id) do nothing;
    ${vault} values ${commas(
      value,
      (each) =>
        `('\\x${hex(bytesOf(each.token))}','${each.kind}','\\x${hex(each.ciphertext)}','${dataKey.id}')`,
    )} on conflict (token) do nothing;
    ${logins} values ${commas(
      login,
      (each) =>
        `(${literals([each.userId, each.deviceType, each.locale])},${each.appVersion},'${each.sentOn}',${literals(tokensOf(each))})`,
    )}`);
};

/** COPY into temporary tables, which write no log, and from there: the logins go straight in. */
const copy: FloorWay = async (client, { logins: login, values: value, dataKey }) => {
  await client.query(`
    begin;
    create temporary table if not exists new_message (message_id uuid, sent_on date)
      on commit delete rows;
    create temporary table if not exists new_value
      (token bytea, kind vault.pii_kind, ciphertext bytea) on commit delete rows;`);
  await copyRows(
    client,
    'new_message',
    login.map((each) => [each.messageId, each.sentOn]),
  );
  await copyRows(
    client,
    'new_value',
    value.map((each) => [
      `\\\\x${hex(bytesOf(each.token))}`,
      each.kind,
      `\\\\x${hex(each.ciphertext)}`,
    ]),
  );
  await copyRows(
    client,
    loginTable,
    login.map((each) => [
      each.userId,
      each.deviceType,
      each.locale,
      each.appVersion,
      each.sentOn,
      ...tokensOf(each),
    ]),
  );
  await client.query(`
    ${ledger} select * from new_message on conflict (message_id) do nothing;
    ${keys} values ('${dataKey.id}', '\\x${hex(dataKey.wrapped)}', '${dataKey.kmsKeyArn}')
      on conflict (id) do nothing;
    ${vault} select token, kind, ciphertext, '${dataKey.id}' from new_value
      on conflict (token) do nothing;
    commit`);
};

async function copyRows(
  client: Client,
  table: string,
  rows: readonly (readonly (string | number | null)[])[],
): Promise<void> {
  const stream = client.query(copyFrom(`copy ${table} from stdin`));
  stream.end(rows.map((row) => `${row.map((cell) => cell ?? '\\N').join('\t')}\n`).join(''));
  await finished(stream);
}

/** By name: the fastest of them in a run is its floor. */
export const floorWays = { unnestText, unnestBinary, unnestHeld, literals: inLiterals, copy };

function bytesOf(token: string): Buffer {
  return Buffer.from(token.slice(-27), 'base64url');
}

function tokensOf(login: MaskedLogin): (string | null)[] {
  return piiFields.map(({ kind }) => login.tokens[kind]);
}

function literals(texts: readonly (string | null)[]): string {
  return texts.map((text) => (text === null ? 'null' : `'${text}'`)).join(',');
}

function list<T>(all: readonly T[], element: (each: T) => string): string {
  return `{${commas(all, element)}}`;
}

function commas<T>(all: readonly T[], element: (each: T) => string): string {
  return all.map(element).join(',');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

function quoted(text: string): string {
  return `"${text}"`;
}
