import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

import { characterCount, isStorableText } from './text.ts';

const longestDeviceId = 256;

/**
 * An IP address in RFC 5952 form; an IPv4-mapped IPv6 address becomes IPv4 (RFC 4291, 2.5.5.2).
 * Null for anything else: zone ids, leading zeros and surrounding space included.
 */
export function canonicalIp(value: string): string | null {
  // net's strict IPv4 grammar has one spelling per address, so there is nothing left to fold
  if (isIPv4(value)) return value;
  if (!isIPv6(value) || value.includes('%')) return null;
  const address = ipaddr.IPv6.parse(value);
  return address.isIPv4MappedAddress()
    ? address.toIPv4Address().toString()
    : address.toRFC5952String();
}

/** A device id in Unicode NFC, trimmed; null when blank, longer than 256 characters or not storable. */
export function canonicalDeviceId(value: string): string | null {
  if (characterCount(value) > longestDeviceId || !isStorableText(value)) return null;
  const trimmed = value.normalize('NFC').trim();
  return trimmed === '' ? null : trimmed;
}
