import { randomBytes } from 'node:crypto';

import type { OpeningKeys, SealingKeys } from '../crypto/data-key.ts';
import type { WrappedDataKey } from '../crypto/kms.ts';
import { open, seal } from '../crypto/seal.ts';
import {
  type NetworkTokens,
  tokenBytes,
  type TokenizerSource,
  tokenText,
} from '../crypto/token.ts';
import { DatabaseError, SealBroken } from '../errors.ts';
import type { PiiKind } from '../pii-fields.ts';

/** A row of the vault; without its sealed value if it needs no new name. */
export interface RotationRow {
  token: Uint8Array;
  kind: PiiKind;
  sealed: { ciphertext: Uint8Array; dataKey: WrappedDataKey } | null;
}

/** A value under its next name. */
export interface MappedValue {
  token: Uint8Array;
  newToken: Uint8Array;
  ciphertext: Uint8Array;
  /** Of an address that was opened, under the next key. */
  networks: NetworkTokens | null;
  /** The seal did not open: the database keeps the value as it is, under a random name. */
  isBroken: boolean;
}

/** What mapping works with. */
export interface MapDeps {
  /** Of the generation that the tokens have now. */
  generation: number;
  /** Of the next one. */
  tokenizer: TokenizerSource;
  opening: OpeningKeys;
  sealing: SealingKeys;
  /** The next rows after this token, in the order of their tokens. */
  page: (after: Uint8Array | null, rows: number) => Promise<RotationRow[]>;
  /** Writes values under their next names; returns how many were still there. Throws 23505 if a name is another value's. */
  write: (values: readonly MappedValue[], dataKey: WrappedDataKey) => Promise<number>;
  /** Is told how many rows were seen. */
  progress: (rows: number) => void;
  isCancelled: () => boolean;
}

const pageRows = 1000;
const restRows = 10_000;

/**
 * Gives every value of the vault that has none its name under the next token key, opened and sealed anew,
 * a page at a time, while the vault is in use. Returns how many it mapped. May be stopped anywhere: what
 * is mapped stays so. Throws `KeyServiceError` if a data key cannot be opened, and `DatabaseError`.
 */
export async function mapTokens(deps: MapDeps): Promise<number> {
  let after: Uint8Array | null = null;
  let seen = 0;
  let mapped = 0;
  // the next page is read while this one is opened, and the one before is written
  let next = deps.page(after, pageRows);
  let written: Promise<number> = Promise.resolve(0);
  while (!deps.isCancelled()) {
    const rows: RotationRow[] = await next;
    if (rows.length === 0) break;
    after = rows.at(-1)!.token;
    next = deps.page(after, pageRows);
    // a page that is not waited for must not end the process when it fails
    next.catch(() => undefined);
    const page = await mapPage(rows, deps);
    mapped += await written;
    written = page === null ? Promise.resolve(0) : writePage(page, deps.write);
    written.catch(() => undefined);
    seen += rows.length;
    deps.progress(seen);
  }
  await next.catch(() => undefined);
  return mapped + (await written);
}

/** Maps what `rest` gives, until nothing is left. Returns how many. Throws what `mapTokens` throws. */
export async function mapRest(
  deps: Omit<MapDeps, 'page' | 'progress'> & { rest: (rows: number) => Promise<RotationRow[]> },
): Promise<number> {
  let mapped = 0;
  while (!deps.isCancelled()) {
    const rows = await deps.rest(restRows);
    if (rows.length === 0) break;
    const page = await mapPage(rows, deps);
    if (page !== null) mapped += await writePage(page, deps.write);
    if (rows.length < restRows) break;
  }
  return mapped;
}

interface MappedPage {
  values: readonly MappedValue[];
  dataKey: WrappedDataKey;
  /** For each value that was opened, the same under a random name. */
  rename: Map<Uint8Array, () => MappedValue>;
}

async function mapPage(
  rows: readonly RotationRow[],
  {
    generation,
    tokenizer,
    opening,
    sealing,
  }: Pick<MapDeps, 'generation' | 'tokenizer' | 'opening' | 'sealing'>,
): Promise<MappedPage | null> {
  const pending = rows.flatMap(({ token, kind, sealed }) =>
    sealed === null ? [] : [{ token, kind, ...sealed }],
  );
  if (pending.length === 0) return null;
  const next = await tokenizer();
  const { key, ...dataKey } = await sealing.take(pending.length);
  const values: MappedValue[] = [];
  const rename: MappedPage['rename'] = new Map();
  for (const { token, kind, ciphertext, dataKey: former } of pending) {
    const place = { kind, token: tokenText(kind, generation, token), dataKeyId: former.id };
    try {
      const value = open(await opening.open(former), place, ciphertext);
      const named = (newToken: Uint8Array): MappedValue => ({
        token,
        newToken,
        ciphertext: seal(
          key,
          { kind, token: tokenText(kind, generation + 1, newToken), dataKeyId: dataKey.id },
          value,
        ),
        networks: kind === 'ip' ? next.networks(value) : null,
        isBroken: false,
      });
      values.push(named(tokenBytes(next.token(kind, value))));
      rename.set(token, () => named(randomBytes(20)));
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      values.push({ token, newToken: token, ciphertext, networks: null, isBroken: true });
    }
  }
  return { values, dataKey, rename };
}

/** Writes a page. Of a value that is there under two tokens, the second gets a random name, under which it opens. */
async function writePage(page: MappedPage, write: MapDeps['write']): Promise<number> {
  const { values, dataKey, rename } = page;
  try {
    return await write(values, dataKey);
  } catch (error) {
    if (!(error instanceof DatabaseError && error.state === '23505')) throw error;
    const half = Math.ceil(values.length / 2);
    const [value] = values;
    if (half < values.length) {
      const first = await writePage({ ...page, values: values.slice(0, half) }, write);
      return first + (await writePage({ ...page, values: values.slice(half) }, write));
    }
    const renamed = rename.get(value!.token);
    if (renamed === undefined) throw error;
    return write([renamed()], dataKey);
  }
}
