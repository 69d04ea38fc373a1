import { SealBroken } from '../errors.ts';
import type { RewrappingKeyService, WrappedDataKey } from '../crypto/kms.ts';

/** What `rewrap` works with. */
export interface RewrapParts {
  kms: RewrappingKeyService;
  /** The next data keys behind an id (null: from the first) that another key wraps. */
  next: (after: string | null) => Promise<WrappedDataKey[]>;
  /** Puts a key in the place of what was read; false when that is there no more. */
  replace: (key: WrappedDataKey, before: WrappedDataKey) => Promise<boolean>;
  progress: (done: number) => void;
}

export interface RewrapReport {
  rewrapped: number;
  /** Ids of keys that do not open under their service, stage and id: they stay as they are. */
  broken: string[];
  /** Keys that somebody else changed in between. */
  overtaken: number;
}

/**
 * Wraps each data key anew under another KMS key, without its plaintext leaving KMS. Each row is
 * complete on its own, before and after, so reveal works throughout; broken off, the next run
 * goes on where this one was. Throws `KeyServiceError` or `DatabaseError` for passing faults.
 */
export async function rewrap(toKeyArn: string, parts: RewrapParts): Promise<RewrapReport> {
  const report: RewrapReport = { rewrapped: 0, broken: [], overtaken: 0 };
  let after: string | null = null;
  for (;;) {
    const page = await parts.next(after);
    if (page.length === 0) return report;
    await Promise.all(
      page.map(async (before) => {
        const key = await rewrapped(before, toKeyArn, parts.kms);
        if (key === null) report.broken.push(before.id);
        else if (await parts.replace(key, before)) report.rewrapped += 1;
        else report.overtaken += 1;
      }),
    );
    after = page.at(-1)!.id;
    parts.progress(report.rewrapped);
  }
}

/** Null when the key does not open. */
async function rewrapped(
  before: WrappedDataKey,
  toKeyArn: string,
  kms: RewrappingKeyService,
): Promise<WrappedDataKey | null> {
  try {
    return await kms.rewrapDataKey(before, toKeyArn);
  } catch (error) {
    if (error instanceof SealBroken) return null;
    throw error;
  }
}
