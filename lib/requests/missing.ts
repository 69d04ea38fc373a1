import type { AuditOutcome } from '../audit/entry.ts';

const reasons = ['unknown', 'erased', 'expired', 'suppressed'] as const;

/** A token that the vault holds no value for, and why, as far as the vault can tell. */
export interface MissingValue {
  token: string;
  why: (typeof reasons)[number];
}

/** Why there is no value, by what was recorded; what was claimed and is gone was erased in between. */
export function whyMissing(outcome: AuditOutcome | undefined): MissingValue['why'] {
  return reasons.find((why) => why === outcome) ?? 'erased';
}
