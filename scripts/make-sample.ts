import { writeFile } from 'node:fs/promises';

import { perField, perKind, type PiiKind } from '../lib/pii-fields.ts';
import { samplePath } from './local/messages.ts';
import { readOptions } from './local/usage.ts';
import { createPrng } from './local/prng.ts';

const seed = 20_240_229;
const messages = 100;
/** The position of the one message in the sample that is not a login. */
const strangerAt = 41;

const locales = ['BR', 'CN', 'DE', 'FR', 'ID', 'IN', 'PH', 'PT', 'RU', 'US'];

const usage = `npm run sample

Writes the 100 messages that npm start sends, the same at every run, to
test/fixtures/login-events.jsonl.`;

/** `npm run sample`: writes the sample that `npm start` sends, the same at every run. */
readOptions(usage, {});
const prng = createPrng(seed);
const devices = Array.from({ length: 60 }, () => deviceId());
const addresses = [
  // the address that the closing screen of npm start asks for
  '192.0.2.2',
  // one address in three spellings, which share a token
  '2001:db8::cafe:1',
  '2001:DB8:0:0:0:0:CAFE:1',
  '2001:0db8:0000:0000:0000:0000:cafe:0001',
  ...Array.from({ length: 50 }, (_, index) => (index % 5 === 0 ? ipv6() : ipv4())),
];
/** The values that the sample's logins have, by kind. */
const values: Record<PiiKind, string[]> = {
  ...perKind(({ example }) => Array.from({ length: 60 }, (_, n) => example(n))),
  ip: addresses,
  device_id: devices,
};

const lines = Array.from({ length: messages }, (_, index) =>
  JSON.stringify(index === strangerAt ? { event: 'heartbeat', node: 'edge-3' } : login()),
);
await writeFile(samplePath, `${lines.join('\n')}\n`);

function login() {
  return {
    user_id: prng.uuid(),
    app_version: version(),
    device_type: prng.pick(['android', 'ios']),
    locale: prng.fraction() < 0.3 ? null : prng.pick(locales),
    ...perField(
      ({ messageField }) => messageField,
      ({ kind }) => repeated(values[kind]),
    ),
  };
}

// squared, so that a few values return often
function repeated(choices: readonly string[]): string | undefined {
  return choices[Math.floor(prng.fraction() ** 2 * choices.length)];
}

function version(): string {
  const major = prng.below(8);
  return prng.fraction() < 0.5
    ? `${major}.${String(prng.below(100)).padStart(prng.pick([1, 2]), '0')}`
    : `${major}.${prng.below(10)}.${prng.below(20)}`;
}

function deviceId(): string {
  return [3, 2, 4].map((digits) => prng.digits(digits)).join('-');
}

// the ranges for documentation and for private networks: these addresses belong to nobody
function ipv4(): string {
  const host = 1 + prng.below(254);
  const network = prng.pick(['192.0.2', '198.51.100', '203.0.113', `10.${prng.below(256)}.0`]);
  return `${network}.${host}`;
}

function ipv6(): string {
  return `2001:db8:1${prng.hex(3)}::1${prng.hex(3)}`;
}
