import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { canonicalDeviceId, canonicalIp } from '../../../lib/crypto/canonical.ts';

const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
  minLength: 8,
  maxLength: 8,
});

/** One of the many ways to write the address: padded, upper case, shortened, dotted at its end. */
function spelling(address: number[], choice: { pad: boolean; upper: boolean; dotted: boolean }) {
  const parts = address.map((group) => group.toString(16).padStart(choice.pad ? 4 : 1, '0'));
  if (choice.dotted) {
    const [high = 0, low = 0] = address.slice(6);
    parts.splice(6, 2, [high >> 8, high & 255, low >> 8, low & 255].join('.'));
  }
  const text = parts.join(':');
  return choice.upper ? text.toUpperCase() : text;
}

/** Shortens the first run of zero groups, however short: legal to read, rarely RFC 5952. */
const shortenFirst = (text: string) => text.replace(/(^|:)0+(:0+)*(:|$)/, '::');

describe('an IP address', () => {
  it.each([
    // RFC 5952, section 2 and 2.2: the spellings of one address
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:0:1::1', '2001:db8::1:0:0:1'],
    ['2001:db8:0000:0:1::1', '2001:db8::1:0:0:1'],
    ['2001:DB8:0:0:1::1', '2001:db8::1:0:0:1'],
    // 4.1 leading zeros, 4.2.1 as short as possible, 4.2.2 never a single group
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8::0:1', '2001:db8::1'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    // 4.2.3 the longest run, the first of two equal ones; 4.3 lower case
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['0:0:1:1:0:0:1:1', '::1:1:0:0:1:1'],
    ['2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:AAAA', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
  ])('%s is written as RFC 5952 has it', (address, expected) => {
    expect(canonicalIp(address)).toBe(expected);
  });

  it.each(['::ffff:192.0.2.128', '::FFFF:c000:0280', '0:0:0:0:0:ffff:192.0.2.128'])(
    'mapped from IPv4 becomes IPv4: %s',
    (address) => expect(canonicalIp(address)).toBe('192.0.2.128'),
  );

  it.each(['::192.0.2.128', '64:ff9b::192.0.2.128', '::ffff:0:192.0.2.128', '::fffe:192.0.2.128'])(
    'that only embeds an IPv4 address stays IPv6: %s',
    (address) => expect(canonicalIp(address)).toMatch(/:c000:280$/),
  );

  it.each(['0.0.0.0', '255.255.255.255', '192.0.2.1'])('of version 4 stays as it is: %s', (ip) =>
    expect(canonicalIp(ip)).toBe(ip),
  );

  it.each([
    ['nothing', ''],
    ['a space before', ' 192.0.2.1'],
    ['a line feed after', '192.0.2.1\n'],
    ['a space before IPv6', ' ::1'],
    ['a zone id', 'fe80::1%eth0'],
    ['a zone id on a mapped address', '::ffff:192.0.2.1%1'],
    ['a leading zero', '192.0.2.01'],
    ['a leading zero in the mapped part', '::ffff:192.0.2.01'],
    ['three octets', '192.0.2'],
    ['a whole number', '3221225985'],
    ['a hexadecimal octet', '0xc0.0.2.1'],
    ['an octet over 255', '192.0.2.256'],
    ['a prefix length', '192.0.2.1/32'],
    ['a port', '192.0.2.1:443'],
    ['brackets', '[::1]'],
    ['five digits in a group', '::00001'],
    ['nine groups', '1:2:3:4:5:6:7:8:9'],
    ['two shortenings', '1::2::3'],
    ['digits of another script', '١٩٢.0.2.1'],
    ['a NUL', '192.0.2.1\0'],
    ['a host name', 'localhost'],
  ])('with %s is refused', (_what, address) => expect(canonicalIp(address)).toBeNull());

  it('of version 6 has one form, whatever spelling it comes in', () => {
    const choice = fc.record({ pad: fc.boolean(), upper: fc.boolean(), dotted: fc.boolean() });
    fc.assert(
      fc.property(groups, choice, (address, spelled) => {
        const plain = spelling(address, { pad: false, upper: false, dotted: false });
        const other = spelling(address, spelled);
        expect(canonicalIp(other)).toBe(canonicalIp(plain));
        expect(canonicalIp(shortenFirst(other))).toBe(canonicalIp(plain));
      }),
    );
  });

  it('is shortened as the URL standard shortens it, wherever its zeros are', () => {
    for (let mask = 0; mask < 256; mask += 1) {
      const address = Array.from({ length: 8 }, (_, index) => (mask >> index) & 1).join(':');
      expect(canonicalIp(address)).toBe(new URL(`http://[${address}]/`).hostname.slice(1, -1));
    }
  });

  it('in canonical form stays as it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        const once = canonicalIp(address);
        expect(once).not.toBeNull();
        expect(canonicalIp(once!)).toBe(once);
      }),
    );
  });
});

// U+0958 has two characters in NFC
const deviceIds = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: fc.constantFrom('\u0958', 'x'), minLength: 120, maxLength: 256 }),
);

describe('a device id', () => {
  it.each([
    ['composed', 'Gera\u0308t', 'Gerät'],
    ['composed from compatibility characters', '\u212B', '\u00C5'],
    ['trimmed of spaces', '  593-47 \t\r\n', '593-47'],
    ['trimmed of Unicode spaces', '\u00A0\u3000\uFEFF593\u2003', '593'],
    ['left as it is inside', '593  47', '593  47'],
    ['left in its case', 'aBc', 'aBc'],
  ])('is %s', (_what, value, expected) => expect(canonicalDeviceId(value)).toBe(expected));

  it('keeps compatibility characters apart, as NFC does', () => {
    expect(canonicalDeviceId('ﬁ')).toBe('ﬁ');
    expect(canonicalDeviceId('①')).toBe('①');
  });

  it.each([
    ['nothing', ''],
    ['spaces', ' \t\n'],
    ['Unicode spaces', '\u00A0\u2003\uFEFF'],
    ['a NUL', 'a\0b'],
    ['a lone high surrogate', 'a\uD83D'],
    ['a lone low surrogate', '\uDE00a'],
    ['surrogates in the wrong order', '\uDE00\uD83D'],
  ])('of %s is refused', (_what, value) => expect(canonicalDeviceId(value)).toBeNull());

  it('may have 256 characters, counted as code points, and no more', () => {
    for (const character of ['x', 'é', '😀']) {
      expect(canonicalDeviceId(character.repeat(256))).toBe(character.repeat(256));
      expect(canonicalDeviceId(character.repeat(257))).toBeNull();
    }
  });

  it('in canonical form stays as it is', () => {
    fc.assert(
      fc.property(deviceIds, (value) => {
        const once = canonicalDeviceId(value);
        if (once !== null) expect(canonicalDeviceId(once)).toBe(once);
      }),
    );
  });

  it('is the same one composed and decomposed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (value) => {
        expect(canonicalDeviceId(value.normalize('NFD'))).toBe(canonicalDeviceId(value));
      }),
    );
  });
});
