import { createHash } from 'node:crypto';

/** What somebody else approves: these tokens, for this reason, to this caller, until then. */
export interface DigestedRequest {
  stage: string;
  /** As the vault names the caller. */
  caller: string;
  /** Microseconds since 1970, in decimal. */
  expiresUs: string;
  reason: string;
  tokens: readonly string[];
}

/** The request in 32 bytes, as hexadecimal digits; db/functions/request_digest.sql describes the form. */
export function requestDigest({
  stage,
  caller,
  expiresUs,
  reason,
  tokens,
}: DigestedRequest): string {
  const hash = createHash('sha256');
  for (const field of [stage, caller, expiresUs, reason, ...tokens.toSorted()]) {
    hash.update(`${Buffer.byteLength(field)}:${field},`);
  }
  return hash.digest('hex');
}
