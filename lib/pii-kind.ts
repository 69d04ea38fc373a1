/**
 * The personal fields the vault replaces. Adding one here, with its canonical form and the
 * value of the `vault.pii_kind` enum, is all that tokens, seals and reveal need.
 */
import { canonicalDeviceId, canonicalIp } from './crypto/canonical.ts';

export const piiKinds = ['ip', 'device_id'] as const;

export type PiiKind = (typeof piiKinds)[number];

/** The one spelling under which equal values are equal; null when the text is no such value. */
export const canonical: Readonly<Record<PiiKind, (value: string) => string | null>> = {
  ip: canonicalIp,
  device_id: canonicalDeviceId,
};
