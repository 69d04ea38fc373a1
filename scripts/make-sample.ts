import { writeFile } from 'node:fs/promises';

import { perField, perKind, type PiiKind } from '../lib/pii-fields.ts';
import { samplePath } from './local/messages.ts';
import { readOptions } from './local/usage.ts';
import { createDice, type Dice } from './local/dice.ts';

const seed = 20_240_229;
const messages = 100;
/** Where in the sample the one message stands that is no login. */
const strangerAt = 41;

const locales = ['BR', 'CN', 'DE', 'FR', 'ID', 'IN', 'PH', 'PT', 'RU', 'US'];

const usage = `npm run sample

Writes the 100 messages that npm start sends, the same at every run, to
test/fixtures/login-events.jsonl.`;

/** `npm run sample`: writes the sample that `npm start` sends, the same at every run. */
readOptions(usage, {});
const dice = createDice(seed);
const devices = Array.from({ length: 60 }, () => deviceId(dice));
const addresses = [
  ipv4(dice),
  // one address in three spellings, which share a token
  '2001:db8::cafe:1',
  '2001:DB8:0:0:0:0:CAFE:1',
  '2001:0db8:0000:0000:0000:0000:cafe:0001',
  ...Array.from({ length: 50 }, (_, index) => (index % 5 === 0 ? ipv6(dice) : ipv4(dice))),
];
/** The values that the sample's logins have, by kind. */
const values: Record<PiiKind, string[]> = {
  ...perKind(({ example }) => Array.from({ length: 60 }, (_, n) => example(n))),
  ip: addresses,
  device_id: devices,
};

const lines = Array.from({ length: messages }, (_, index) =>
  JSON.stringify(index === strangerAt ? { event: 'heartbeat', node: 'edge-3' } : login(dice)),
);
await writeFile(samplePath, `${lines.join('\n')}\n`);

function login(roll: Dice) {
  return {
    user_id: roll.uuid(),
    app_version: version(roll),
    device_type: roll.pick(['android', 'ios']),
    locale: roll.fraction() < 0.3 ? null : roll.pick(locales),
    ...perField(
      ({ messageField }) => messageField,
      ({ kind }) => repeated(values[kind], roll),
    ),
  };
}

// squared, so that a few values return often
function repeated(choices: readonly string[], roll: Dice): string | undefined {
  return choices[Math.floor(roll.fraction() ** 2 * choices.length)];
}

function version(roll: Dice): string {
  const major = roll.below(8);
  return roll.fraction() < 0.5
    ? `${major}.${String(roll.below(100)).padStart(roll.pick([1, 2]), '0')}`
    : `${major}.${roll.below(10)}.${roll.below(20)}`;
}

function deviceId(roll: Dice): string {
  return [3, 2, 4].map((digits) => roll.digits(digits)).join('-');
}

// the ranges kept for documentation and for private networks: nobody's address
function ipv4(roll: Dice): string {
  const host = 1 + roll.below(254);
  const network = roll.pick(['192.0.2', '198.51.100', '203.0.113', `10.${roll.below(256)}.0`]);
  return `${network}.${host}`;
}

function ipv6(roll: Dice): string {
  return `2001:db8:1${roll.hex(3)}::1${roll.hex(3)}`;
}
