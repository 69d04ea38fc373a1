import { perField, perKind, piiFields, type PiiKind } from '../../lib/pii-fields.ts';
import type { Prng } from '../../scripts/local/prng.ts';

/** A login as it must be in the database in the end, with its personal values in canonical form. */
export interface ExpectedLogin {
  userId: string;
  deviceType: string;
  pii: Record<PiiKind, string | null>;
  locale: string | null;
  appVersion: number;
  day: string;
}

/** A message, and what must become of it: a row, or a dead letter with that reason. */
export interface Sent {
  messageId: string;
  body: string;
  sentTimestamp: string;
  becomes: { login: ExpectedLogin } | { reason: string };
}

/** How values of a field are made, how producers spell them, and what every one of them contains. */
interface Workload {
  make: (prng: Prng) => string;
  spell: (canonical: string, prng: Prng) => string;
  markers: readonly string[];
}

const workloads: Partial<Record<PiiKind, Workload>> = {
  ip: {
    make: (prng) =>
      prng.fraction() < 0.7
        ? `198.18.${prng.below(256)}.${prng.below(256)}`
        : `2001:db8:${(1 + prng.below(0xfffe)).toString(16)}::${(1 + prng.below(0xfffe)).toString(16)}`,
    spell: spelledIp,
    markers: ['198.18.', '2001:db8:', '2001:DB8:', '::ffff:198.18'],
  },
  device_id: {
    make: (prng) => `canary-${prng.hex(12)}-${prng.pick(['é', 'Å', '😀', 'x'])}`,
    spell: (canonical, prng) =>
      prng.pick([canonical, canonical.normalize('NFD'), ` ${canonical}\t`]),
    markers: ['canary-'],
  },
};

/** A field without a workload of its own has a few of its examples, each of which is a marker. */
const workloadOf = perKind(({ kind, example }): Workload => {
  const examples = Array.from({ length: 12 }, (_, n) => example(471_100 + n));
  return (
    workloads[kind] ?? {
      make: (prng) => prng.pick(examples),
      spell: (canonical) => canonical,
      markers: examples,
    }
  );
});

/** One of them is in every plaintext of these messages: so it is found where it must not be. */
export const markers = Object.values(workloadOf).flatMap((workload) => workload.markers);

/** The device type that the table's owner refuses. */
export const refusedDeviceType = 'forbidden';

const firstMoment = Date.UTC(2026, 0, 30, 22);
const poisonShare = 0.05;

/**
 * Makes messages in the order of sending: one in twenty can never be stored. `newShare` of the values
 * were in no message before. `refusedShare` of all are refused by the table itself, which costs a batch
 * many statements.
 */
export function createMessages(prng: Prng, refusedShare: number, newShare: number): () => Sent {
  const valid = createLogins(prng, newShare);
  let sent = 0;
  return () => {
    sent += 1;
    // two midnights are passed every 1 000 messages
    const moment = firstMoment + (sent % 1000) * 100_000;
    const sentTimestamp = String(moment);
    const { message, ...login } = valid();
    const day = new Date(moment).toISOString().slice(0, 10);
    const good: Sent = {
      messageId: prng.uuid(),
      body: JSON.stringify(message),
      sentTimestamp,
      becomes: { login: { ...login, day } },
    };
    const chance = prng.fraction();
    if (chance < refusedShare) {
      const body = JSON.stringify({ ...message, device_type: refusedDeviceType });
      return { ...good, body, becomes: { reason: 'refused_by_database' } };
    }
    if (chance >= poisonShare) return good;
    const { reason, ...changes } = prng.pick(poisons)(message, prng);
    return { ...good, ...changes, becomes: { reason } };
  };
}

interface Login extends Omit<ExpectedLogin, 'day'> {
  message: Record<string, unknown>;
}

function createLogins(prng: Prng, newShare: number): () => Login {
  const held = perKind((): string[] => []);
  let users = 0;
  const value = (kind: PiiKind): string | null => {
    if (prng.fraction() < 0.03) return null;
    if (held[kind].length > 0 && prng.fraction() >= newShare) return prng.pick(held[kind]);
    const made = workloadOf[kind].make(prng);
    held[kind].push(made);
    return made;
  };
  const spelled = (kind: PiiKind, canonical: string | null) =>
    canonical === null ? null : workloadOf[kind].spell(canonical, prng);
  return () => {
    users += 1;
    const pii = perKind(({ kind }) => value(kind));
    const userId = `${users}-${prng.uuid()}`.padEnd(prng.below(50) === 0 ? 127 : 1, '-');
    const deviceType = prng.pick(['android', 'iOS', '', '😀'.repeat(32)]);
    const locale = prng.pick(['RU', 'en-GB', '', null, 'ü'.repeat(32)]);
    const [version, appVersion] = prng.pick(versions);
    return {
      userId,
      deviceType,
      pii,
      locale,
      appVersion,
      message: {
        user_id: userId,
        device_type: deviceType,
        ...perField(
          ({ messageField }) => messageField,
          ({ kind }) => spelled(kind, pii[kind]),
        ),
        locale,
        app_version: version,
        ...(prng.below(10) === 0 && { unknown: 'field' }),
      },
    };
  };
}

const versions: [string, number][] = [
  ['2.3.0', 2_003_000],
  ['2.3', 2_003_000],
  ['0.96', 96_000],
  ['7', 7_000_000],
  ['2146.999.999', 2_146_999_999],
  ['0', 0],
];

function spelledIp(canonical: string, prng: Prng): string {
  if (!canonical.includes(':')) return prng.below(5) === 0 ? `::ffff:${canonical}` : canonical;
  const [third, last] = canonical.slice('2001:db8:'.length).split('::');
  return prng.pick([
    canonical,
    canonical.toUpperCase(),
    `2001:0db8:${third}:0:0:0:0:${last}`,
    `2001:db8:${third!.padStart(4, '0')}::0:${last}`,
  ]);
}

interface Poison extends Partial<Pick<Sent, 'messageId' | 'body' | 'sentTimestamp'>> {
  reason: string;
}

type MakePoison = (message: Record<string, unknown>, prng: Prng) => Poison;

const body =
  (reason: string, make: (text: string, prng: Prng) => string): MakePoison =>
  (message, prng) => ({ reason, body: make(JSON.stringify(message), prng) });

const field =
  (name: string, value: (prng: Prng) => unknown): MakePoison =>
  (message, prng) => ({
    reason: `invalid_field:${name}`,
    // undefined leaves the field out
    body: JSON.stringify({ ...message, [name]: value(prng) }),
  });

const ownFields = ['user_id', 'device_type', 'locale', 'app_version'];
const anyField = [...ownFields, ...piiFields.map(({ messageField }) => messageField)];
const requiredField = [
  ...ownFields,
  ...piiFields.filter(({ isOptional }) => !isOptional).map(({ messageField }) => messageField),
];

const poisons: MakePoison[] = [
  body('invalid_json', () => ''),
  body('invalid_json', () => 'not json'),
  body('invalid_json', (text, prng) => text.slice(0, 1 + prng.below(text.length - 1))),
  body('invalid_json', (text) => `${text}${text}`),
  body('invalid_json', (text) => `${text.slice(0, -1)},"note":"\0"}`),
  body('invalid_json', () => '['.repeat(5_000)),
  body('invalid_message', () => `${'['.repeat(2_000)}${']'.repeat(2_000)}`),
  body('invalid_message', (text) => `[${text}]`),
  body('invalid_message', (text) => JSON.stringify(text)),
  body('invalid_message', () => 'null'),
  body('invalid_message', () => '42'),
  body('invalid_field:user_id', (text) => `{"__proto__":${text}}`),
  ...requiredField.map((name) => field(name, () => undefined)),
  ...anyField.flatMap((name) => [
    field(name, () => ({ nested: ['canary-nested'] })),
    field(name, () => true),
    field(name, () => 'canary-a\0b'),
    field(name, () => 'canary-\uD83D'),
    field(name, () => '\uDE00canary-'),
    field(name, () => 'canary-'.repeat(3_000)),
  ]),
  field('user_id', () => ''),
  field('user_id', () => null),
  field('user_id', () => 'x'.repeat(129)),
  field('device_type', () => null),
  field('device_type', () => '😀'.repeat(33)),
  field('locale', () => 'x'.repeat(33)),
  field('ip', () => ''),
  field('ip', () => '198.18.0.256'),
  field('ip', () => '198.18.01.1'),
  field('ip', () => 'fe80::1%eth0'),
  field('ip', () => ' 198.18.0.1'),
  field('device_id', () => ''),
  field('device_id', () => ' \u00A0\t'),
  field('device_id', () => 'x'.repeat(257)),
  field('app_version', () => 2.3),
  field('app_version', () => 'latest'),
  field('app_version', () => '1.2.3.4'),
  field('app_version', () => '1.1000'),
  field('app_version', () => '2147.0'),
  field('app_version', () => '-1.0'),
  field('app_version', () => '1.0e3'),
  field('app_version', () => '١.٢'),
  (_message, prng) => ({ reason: 'invalid_message_id', messageId: `no-uuid-${prng.hex(16)}` }),
  () => ({ reason: 'invalid_sent_timestamp', sentTimestamp: 'yesterday' }),
];
