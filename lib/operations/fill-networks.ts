import type { OpeningKeys } from '../crypto/data-key.ts';
import type { WrappedDataKey } from '../crypto/kms.ts';
import { open } from '../crypto/seal.ts';
import type { Tokenizer } from '../crypto/token.ts';
import { SealBroken } from '../errors.ts';
import type { MaskedNetworks } from '../ingest/mask.ts';

/** A sealed address with its data key. */
export interface SealedAddress {
  token: string;
  ciphertext: Uint8Array;
  dataKey: WrappedDataKey;
}

/** What `fillNetworks` works with. */
export interface FillDeps {
  /** The next sealed addresses after a token (null: from the first) whose networks are not written. */
  next: (after: string | null) => Promise<SealedAddress[]>;
  /** Records in the audit how many addresses are opened; has committed when it returns. */
  record: (values: number) => Promise<void>;
  keys: OpeningKeys;
  tokenizer: Tokenizer;
  /** Writes the networks of addresses that are still held; returns of how many. */
  write: (rows: readonly MaskedNetworks[]) => Promise<number>;
  /** Called after each page, with the number of addresses opened so far. */
  progress: (opened: number) => void;
  /** Asked between pages: whether to stop here. */
  isCancelled?: () => boolean;
}

export interface FillReport {
  written: number;
  /** Tokens whose seals do not open: they are left out. */
  broken: string[];
}

/**
 * Opens the addresses that were sealed before networks were switched on, each page after its audit
 * row, and writes the tokens of their networks. After an interruption, the next run goes on. Throws
 * `KeyServiceError` and `DatabaseError`.
 */
export async function fillNetworks(deps: FillDeps): Promise<FillReport> {
  const report: FillReport = { written: 0, broken: [] };
  let after: string | null = null;
  let opened = 0;
  while (deps.isCancelled?.() !== true) {
    const page = await deps.next(after);
    if (page.length === 0) break;
    await deps.record(page.length);
    const rows = await Promise.all(page.map((value) => networksOf(value, deps)));
    report.written += await deps.write(rows.filter((row) => row !== null));
    for (const [n, row] of rows.entries()) if (row === null) report.broken.push(page[n]!.token);
    after = page.at(-1)!.token;
    deps.progress((opened += page.length));
  }
  return report;
}

async function networksOf(
  { token, ciphertext, dataKey }: SealedAddress,
  { keys, tokenizer }: FillDeps,
): Promise<MaskedNetworks | null> {
  try {
    const key = await keys.open(dataKey);
    const address = open(key, { kind: 'ip', token, dataKeyId: dataKey.id }, ciphertext);
    return { maskedIp: token, tokens: tokenizer.networks(address) };
  } catch (error) {
    if (error instanceof SealBroken) return null;
    throw error;
  }
}
