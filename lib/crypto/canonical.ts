import { isIPv4, isIPv6 } from 'node:net';

import { characterCount, isStorableText } from '../text.ts';

const maxDeviceIdLength = 256;

/**
 * An IP address in RFC 5952 form; an IPv4-mapped IPv6 address becomes IPv4 (RFC 4291, 2.5.5.2).
 * Null for anything else, also for zone ids, leading zeros and surrounding space.
 */
export function canonicalIp(value: string): string | null {
  // the strict IPv4 grammar of `net` has only one spelling for each address
  if (isIPv4(value)) return value;
  if (!isIPv6(value) || value.includes('%')) return null;
  // the URL standard writes IPv6 as RFC 5952 does, except mapped addresses
  const address = new URL(`http://[${value}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (mapped === null) return address;
  const [high = 0, low = 0] = mapped.slice(1).map((group) => Number.parseInt(group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** A device id in Unicode NFC, trimmed; null when blank, longer than 256 characters or not storable. */
export function canonicalDeviceId(value: string): string | null {
  if (characterCount(value) > maxDeviceIdLength || !isStorableText(value)) return null;
  const trimmed = value.normalize('NFC').trim();
  return trimmed === '' || characterCount(trimmed) > maxDeviceIdLength ? null : trimmed;
}
