import { isIPv4 } from 'node:net';

/** Names of the networks that an address is in, as a MAC takes them: the prefix, then its length in bits. */
export interface Networks {
  /** The IPv4 /24 or the IPv6 /48, such as `198.51.100/24` or `2001:db8:0/48`. */
  network: string;
  /** The IPv6 /64; null for IPv4. */
  subnet: string | null;
}

/** The networks of an address in the form that `canonicalIp` gives. */
export function networksOf(canonicalAddress: string): Networks {
  if (isIPv4(canonicalAddress)) {
    const prefix = canonicalAddress.slice(0, canonicalAddress.lastIndexOf('.'));
    return { network: `${prefix}/24`, subnet: null };
  }
  const groups = groupsOf(canonicalAddress);
  return {
    network: `${groups.slice(0, 3).join(':')}/48`,
    subnet: `${groups.slice(0, 4).join(':')}/64`,
  };
}

/** The eight groups of an IPv6 address, those that `::` stands for written out. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined) return before;
  const after = tail === '' ? [] : tail.split(':');
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
}
