import { sql } from 'drizzle-orm';

import type { WrappedDataKey } from '../../lib/crypto/kms.ts';
import { LoginsLocked } from '../../lib/errors.ts';
import type { MappedValue, RotationRow } from '../../lib/operations/map-tokens.ts';
import type {
  Blocked,
  NotSwapped,
  RotationState,
  SwapCounts,
} from '../../lib/operations/rotate.ts';
import { piiFields, type PiiKind } from '../../lib/pii-fields.ts';
import { byteaArray, textArray } from '../binary-array.ts';
import { type Connection, run, statement } from '../query.ts';

const p = sql.placeholder;

/** The columns of `user_logins` that hold tokens. */
export const tokenColumns: readonly string[] = piiFields.map(({ column }) => column);

/** Who rotates and why, for the audit. */
export interface RotationContext {
  requestId: string;
  principal: string;
  reason: string;
}

const context = sql`${p('requestId')}::text, ${p('principal')}::text, ${p('reason')}::text`;

const stateStatement = statement<{
  generation: number;
  phase: RotationState['phase'];
  begun_at: Date | null;
  swapped_at: Date | null;
  is_paused: boolean;
  mapped: string;
  kms_key_arn: string | null;
  next_key: string | null;
}>('rotation_state', sql`select * from vault.rotation_state()`);

/** Throws `DatabaseError`. */
export async function rotationState(connection: Connection): Promise<RotationState> {
  const [row] = await run(connection, stateStatement);
  return {
    generation: row!.generation,
    phase: row!.phase,
    begunAt: row!.begun_at,
    swappedAt: row!.swapped_at,
    isPaused: row!.is_paused,
    mapped: Number(row!.mapped),
    key: row!.kms_key_arn,
    nextKey: row!.next_key,
  };
}

const beginStatement = statement<{ generation: number }>(
  'begin_rotation',
  sql`select vault.begin_rotation(${context}, ${p('endSuppressions')}::boolean, ${p('nextKey')}::text) as generation`,
);

/**
 * Begins a rotation to the KMS key named by this ARN. Throws `DatabaseError`: 55006 if one is under way, 55000 if
 * values are suppressed.
 */
export async function beginRotation(
  connection: Connection,
  who: RotationContext,
  nextKey: string,
  endSuppressions: boolean,
): Promise<void> {
  await run(connection, beginStatement, { ...who, nextKey, endSuppressions });
}

const pauseStatement = statement(
  'pause_rotation',
  sql`select vault.pause_rotation(${p('isPaused')}::boolean)`,
);

/** Notes whether ingest is paused. Throws `DatabaseError`. */
export async function notePause(connection: Connection, isPaused: boolean): Promise<void> {
  await run(connection, pauseStatement, { isPaused });
}

interface PageRow {
  token: Buffer;
  kind: PiiKind;
  ciphertext: Buffer | null;
  data_key_id: string;
  wrapped_key: Buffer;
  kms_key_arn: string;
}

const pageStatement = statement<{ [Key in keyof PageRow]: PageRow[Key] }>(
  'rotation_page',
  sql`select * from vault.rotation_page(${p('after')}::bytea, ${p('rows')}::integer)`,
);

/** The next rows of the vault after the token `after`, those that are mapped without a sealed value. Throws `DatabaseError`. */
export async function rotationPage(
  connection: Connection,
  after: Uint8Array | null,
  rows: number,
): Promise<RotationRow[]> {
  return (await run(connection, pageStatement, { after, rows })).map(rotationRow);
}

const restStatement = statement<{ [Key in keyof PageRow]: PageRow[Key] }>(
  'rotation_rest',
  sql`select * from vault.rotation_rest(${p('rows')}::integer)`,
);

/** Some of the rows of the vault that are still to be mapped. Reads all of it. Throws `DatabaseError`. */
export async function rotationRest(connection: Connection, rows: number): Promise<RotationRow[]> {
  return (await run(connection, restStatement, { rows })).map(rotationRow);
}

function rotationRow({ token, kind, ciphertext, ...key }: PageRow): RotationRow {
  if (ciphertext === null) return { token, kind, sealed: null };
  const dataKey = { id: key.data_key_id, wrapped: key.wrapped_key, kmsKeyArn: key.kms_key_arn };
  return { token, kind, sealed: { ciphertext, dataKey } };
}

const mapStatement = statement<{ mapped: string }>(
  'map_tokens',
  sql`
  select vault.map_tokens(
    ${p('tokens')}::bytea[], ${p('newTokens')}::bytea[], ${p('ciphertexts')}::bytea[], ${p('broken')}::boolean[],
    ${p('dataKeyId')}::uuid, ${p('wrappedKey')}::bytea, ${p('kmsKeyArn')}::text
  ) as mapped
`,
);

const mapNetworksStatement = statement(
  'map_networks',
  sql`
  select vault.map_networks(
    ${p('tokens')}::bytea[], ${p('newTokens')}::bytea[], ${p('networks')}::text[], ${p('subnets')}::text[]
  )
`,
);

/**
 * Writes the next names of values and the values sealed anew, and the networks of addresses that have them;
 * returns how many values. Throws `DatabaseError`.
 */
export async function mapTokens(
  connection: Connection,
  values: readonly MappedValue[],
  dataKey: WrappedDataKey | null,
): Promise<number> {
  const [row] = await run(connection, mapStatement, {
    tokens: byteaArray(values.map(({ token }) => token)),
    newTokens: byteaArray(values.map(({ newToken }) => newToken)),
    ciphertexts: byteaArray(values.map(({ ciphertext }) => ciphertext)),
    broken: values.map(({ isBroken }) => isBroken),
    dataKeyId: dataKey?.id ?? null,
    wrappedKey: dataKey?.wrapped ?? null,
    kmsKeyArn: dataKey?.kmsKeyArn ?? null,
  });
  const addresses = values.filter(({ networks }) => networks !== null);
  await run(connection, mapNetworksStatement, {
    tokens: byteaArray(addresses.map(({ token }) => token)),
    newTokens: byteaArray(addresses.map(({ newToken }) => newToken)),
    networks: textArray(addresses.map(({ networks }) => networks!.network)),
    subnets: textArray(addresses.map(({ networks }) => networks!.subnet)),
  });
  return Number(row?.mapped ?? 0);
}

const swapStatement = statement<{ counts: SwapCounts | NotSwapped | null }>(
  'swap_tokens',
  sql`select vault.swap_tokens(${p('columns')}::text[], ${context}) as counts`,
);

/**
 * Replaces all tokens in one transaction. Returns how many values have to be mapped first, if there are
 * any, or who keeps user_logins locked for longer than ten seconds; and null if the swap has happened
 * before. Throws `DatabaseError`: 55P03 if somebody else maps values for longer than 30 seconds.
 */
export async function swapTokens(
  connection: Connection,
  who: RotationContext,
): Promise<SwapCounts | NotSwapped | null> {
  const [row] = await run(connection, swapStatement, { ...who, columns: tokenColumns });
  return row?.counts ?? null;
}

const sweepStatement = statement<{ last: Buffer | null; deleted: string }>(
  'sweep_tokens',
  sql`select * from vault.sweep_tokens(${p('after')}::bytea, ${p('rows')}::integer)`,
);

/** Deletes the other rows of up to `rows` mapped values; returns the last token, or null at the end. Throws `DatabaseError`. */
export async function sweepTokens(
  connection: Connection,
  after: Uint8Array | null,
  rows: number,
): Promise<Uint8Array | null> {
  const [row] = await run(connection, sweepStatement, { after, rows });
  return row?.last ?? null;
}

const abortStatement = statement(
  'abort_rotation',
  sql`select vault.abort_rotation(${context}, ${p('swept')}::boolean)`,
);

/** Takes a rotation back: before the sweep, and after it. Throws `DatabaseError`. */
export async function abortRotation(
  connection: Connection,
  who: RotationContext,
  swept: boolean,
): Promise<void> {
  await run(connection, abortStatement, { ...who, swept });
}

const leftStatement = statement<{ count: string }>(
  'former_tokens_left',
  sql`select vault.former_tokens_left(${p('columns')}::text[]) as count`,
);

/** How many rows are left under former tokens, after a swap. Reads all of user_logins. Throws `DatabaseError`. */
export async function formerTokensLeft(connection: Connection): Promise<number> {
  const [row] = await run(connection, leftStatement, { columns: tokenColumns });
  return Number(row?.count ?? 0);
}

/** What was proved at the end. */
export interface RotationProof {
  from: number;
  to: number;
  /** Former names that could be translated until now. */
  names: number;
  /** Logins that came with former tokens since the swap, and were rewritten. */
  late: number;
  /** Rows under former names. */
  left: number;
}

const finishStatement = statement<{ proof: RotationProof | Blocked }>(
  'finish_rotation',
  sql`select vault.finish_rotation(${p('columns')}::text[], ${context}) as proof`,
);

/** Ends the grace. Throws `LoginsLocked`, and `DatabaseError`. */
export async function finishRotation(
  connection: Connection,
  who: RotationContext,
): Promise<RotationProof> {
  const [row] = await run(connection, finishStatement, { ...who, columns: tokenColumns });
  if ('blockers' in row!.proof) throw new LoginsLocked(row!.proof.blockers);
  return row!.proof;
}

const translateStatement = statement<{ tokens: (string | null)[] }>(
  'current_token',
  sql`select vault.current_token(${p('tokens')}::text[]) as tokens`,
);

/** The present names of tokens, in the order given; null for what has none. Throws `DatabaseError`. */
export async function currentTokens(
  connection: Connection,
  tokens: readonly string[],
): Promise<(string | null)[]> {
  const [row] = await run(connection, translateStatement, { tokens });
  return row?.tokens ?? [];
}
