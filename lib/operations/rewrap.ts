import { KeyServiceError, SealBroken } from '../errors.ts';
import type { RewrappingKeyService, WrappedDataKey } from '../crypto/kms.ts';

/** What `rewrap` works with. */
export interface RewrapDeps {
  kms: RewrappingKeyService;
  /** The next data keys after an id (null: from the first) that another KMS key wraps. */
  next: (after: string | null) => Promise<WrappedDataKey[]>;
  /** Replaces the row that was read by `key`; false when somebody else changed it meanwhile. */
  replace: (key: WrappedDataKey, before: WrappedDataKey) => Promise<boolean>;
  /** Called after each page, with the number of data keys looked at so far. */
  progress: (seen: number) => void;
  /** Asked between pages: whether to stop here. */
  isCancelled?: () => boolean;
}

export interface RewrapReport {
  rewrapped: number;
  /** Ids of data keys that do not open under their service, stage and id: they stay as they are. */
  broken: string[];
  /** Ids of data keys whose KMS key is deleted or disabled, by its ARN: they stay as they are. */
  lost: Map<string, string[]>;
  /** Data keys that somebody else changed in between. */
  overtaken: number;
}

/** Exceptions of KMS for a key that is gone or disabled. */
const lostKey = new Set(['NotFoundException', 'DisabledException', 'KMSInvalidStateException']);

/**
 * Wraps each data key again, under another KMS key; its plaintext does not leave KMS. Each row is
 * complete before and after, so reveal works throughout. After an interruption, the next run goes
 * on where this one stopped. Throws `KeyServiceError` and `DatabaseError`.
 */
export async function rewrap(toKeyArn: string, deps: RewrapDeps): Promise<RewrapReport> {
  const report: RewrapReport = { rewrapped: 0, broken: [], lost: new Map(), overtaken: 0 };
  let after: string | null = null;
  let seen = 0;
  while (deps.isCancelled?.() !== true) {
    const page = await deps.next(after);
    if (page.length === 0) break;
    await Promise.all(page.map((key) => rewrapOne(key, toKeyArn, deps, report)));
    after = page.at(-1)!.id;
    deps.progress((seen += page.length));
  }
  return report;
}

async function rewrapOne(
  before: WrappedDataKey,
  toKeyArn: string,
  { kms, replace }: RewrapDeps,
  report: RewrapReport,
): Promise<void> {
  let key: WrappedDataKey;
  try {
    key = await kms.rewrapDataKey(before, toKeyArn);
  } catch (error) {
    if (error instanceof SealBroken) report.broken.push(before.id);
    else if (error instanceof KeyServiceError && lostKey.has(error.exception ?? '')) {
      report.lost.set(before.kmsKeyArn, [...(report.lost.get(before.kmsKeyArn) ?? []), before.id]);
    } else throw error;
    return;
  }
  if (await replace(key, before)) report.rewrapped += 1;
  else report.overtaken += 1;
}
