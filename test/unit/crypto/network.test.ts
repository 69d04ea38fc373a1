import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { canonicalIp } from '../../../lib/crypto/canonical.ts';
import { networksOf } from '../../../lib/crypto/network.ts';
import { createTokenizer } from '../../../lib/crypto/token.ts';
import { createPrng } from '../../../scripts/local/prng.ts';

const root = () => Uint8Array.from({ length: 32 }, (_, index) => index);
const tokenizer = createTokenizer(root());

/** The networks of an address in any spelling. */
function networks(address: string) {
  return networksOf(canonicalIp(address)!);
}

describe('the networks of an address', () => {
  it.each([
    ['198.51.100.7', '198.51.100/24', null],
    ['0.0.0.0', '0.0.0/24', null],
    ['::ffff:198.51.100.7', '198.51.100/24', null],
    ['::ffff:c633:6407', '198.51.100/24', null],
    ['2001:DB8::1', '2001:db8:0/48', '2001:db8:0:0/64'],
    ['2001:db8:0:7:8:9:a:b', '2001:db8:0/48', '2001:db8:0:7/64'],
    ['2001:db8:1:2::', '2001:db8:1/48', '2001:db8:1:2/64'],
    ['::', '0:0:0/48', '0:0:0:0/64'],
    ['::1', '0:0:0/48', '0:0:0:0/64'],
    ['1::', '1:0:0/48', '1:0:0:0/64'],
    ['::1.2.3.4', '0:0:0/48', '0:0:0:0/64'],
  ])('of %s are %s and %s', (address, network, subnet) => {
    expect(networks(address)).toEqual({ network, subnet });
  });

  it('are those of its first bits, whatever the others are', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16));
    const groups = (length: number) => fc.array(group, { minLength: length, maxLength: length });
    fc.assert(
      fc.property(groups(4), groups(4), groups(4), (prefix, one, other) => {
        // an address below ::ffff:0:0/96 is an IPv4 address
        fc.pre(prefix.some((each) => each !== '0'));
        const first = networks([...prefix, ...one].join(':'));
        expect(networks([...prefix, ...other].join(':'))).toEqual(first);
        expect(first.network).toBe(`${prefix.slice(0, 3).join(':')}/48`);
      }),
    );
  });
});

describe('the tokens of a network', () => {
  // from Python's hmac and hashlib, with HKDF (RFC 5869) written out: nothing of the vault's own
  it('under a known root are known', () => {
    expect(tokenizer.networks('198.51.100.7')).toEqual({
      network: 'ip_network_v1_Rd-ZB0XBlo5vXi8Kroz2i2Fs6Po',
      subnet: null,
    });
    expect(tokenizer.networks('2001:db8:0:7::1')).toEqual({
      network: 'ip_network_v1_ARtcAwjAB6UbUHi92SYWl9sfXhI',
      subnet: 'ip_subnet_v1_LKObeRjhnX-n5xeV5z3rTtokn3c',
    });
  });

  it('have nothing in common with those of networks beside or around it, or with those of addresses', () => {
    const tokens = [
      tokenizer.networks('198.51.100.7').network,
      tokenizer.networks('198.51.101.7').network,
      tokenizer.networks('2001:db8::1').network,
      tokenizer.networks('2001:db8::1').subnet,
      tokenizer.token('ip', '198.51.100/24'),
      tokenizer.token('device_id', '198.51.100/24'),
    ];
    expect(new Set(tokens.map((token) => token?.slice(-27))).size).toBe(tokens.length);
  });
});

describe('who knows 1 in 100 of 20 000 clustered addresses', () => {
  const addresses = clusteredAddresses(20_000);
  const known = addresses.slice(0, 200);
  const others = addresses.slice(200);

  // docs/ask-the-masked-data.md has these figures
  it('knows the network of 12 in 100 others, and no bit of the rest', () => {
    const networkTokens = new Set(known.map((n) => tokenizer.networks(dotted(n)).network));
    const named = others.filter((n) => networkTokens.has(tokenizer.networks(dotted(n)).network));
    expect(percentOf(named, others)).toBe(12);
  });

  it('would know 16 bits and more of 90 in 100 if the tokens preserved prefixes', () => {
    const told = others.filter((n) => known.some((each) => sharedBits(n, each) >= 15));
    expect(percentOf(told, others)).toBe(90);
  });
});

/** Different addresses as providers have them: a few large networks and many small ones, each used in parts. */
function clusteredAddresses(count: number): number[] {
  const prng = createPrng(1);
  const providers = Array.from({ length: 100 }, () => prng.below(2 ** 16));
  const addresses = new Set<number>();
  while (addresses.size < count) {
    // the nth provider has about 1/n of the users of the first
    const provider = providers[Math.floor(100 ** prng.fraction()) - 1]!;
    const network = (provider * 7 + prng.below(64)) % 256;
    addresses.add(provider * 2 ** 16 + network * 256 + prng.below(256));
  }
  return [...addresses];
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** The bits at the beginning that are equal; a prefix-preserving cipher tells the one after them, too. */
function sharedBits(one: number, other: number): number {
  return Math.clz32(one ^ other);
}

function percentOf(some: readonly number[], all: readonly number[]): number {
  return Math.round((100 * some.length) / all.length);
}
