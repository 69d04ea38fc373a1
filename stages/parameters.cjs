// What each parameter of a stage may be: stages/check.cjs refuses everything else. Every parameter of stages/default.yml has
// an entry here, with the limits that AWS or Postgres sets.

/** A parameter's rule: null if the value may be used, otherwise what is wrong with it. */
const number = (from, to) => (value) => {
  const isNumber = /^\d{1,15}$/u.test(String(value));
  const isInRange = isNumber && Number(value) >= from && Number(value) <= to;
  return isInRange ? null : `is not a whole number from ${from} to ${to}`;
};
const oneOf =
  (...values) =>
  (value) =>
    values.includes(value) ? null : `is not one of ${values.join(', ')}`;
const onOff = (value) => (['on', 'off'].includes(value) ? null : 'is neither on nor off');
const text = (pattern, what) => (value) => (pattern.test(String(value)) ? null : `is not ${what}`);
const optional = (rule) => (value) => {
  if (value === '' || value === null) return null;
  const problem = rule(value);
  return problem && problem.replace(/^is not /u, 'is neither empty nor ');
};
const anything = () => null;

// Postgres's integer, which limits are stored as
const count = number(1, 2_147_483_647);
const seconds = number(1, 900);
const list = (pattern) => new RegExp(`^(${pattern.source}(\\s*,\\s*${pattern.source})*)?$`, 'u');

const rules = {
  platform: oneOf('aws', 'local'),
  region: text(/^[a-z]{2}(-[a-z]+)+-\d$/u, 'an AWS region'),

  databaseHost: text(/^[\w.:-]*$/u, 'a host name'),
  databaseResourceId: text(
    /^((prx|cluster|db)-\w+|local)?$/u,
    'the id of a proxy (prx-…), a cluster (cluster-…) or an instance (db-…)',
  ),
  subnetIds: text(list(/subnet-\w+/u), 'a list of subnets (subnet-…), comma-separated'),
  securityGroupIds: text(list(/sg-\w+/u), 'a list of security groups (sg-…), comma-separated'),
  databasePort: number(1, 65_535),
  databaseName: text(/^[A-Za-z_][\w$]{0,62}$/u, 'the name of a database'),

  ingestBatchSize: number(1, 10_000),
  ingestBatchingWindow: number(0, 300),
  ingestMaximumConcurrency: number(2, 1_000),
  ingestTimeout: seconds,
  visibilityTimeout: number(1, 43_200),
  maxReceiveCount: number(1, 1_000),
  messageRetentionInSeconds: number(60, 1_209_600),
  ingestReservedConcurrency: optional(number(0, 1_000_000)),
  networkTokens: onOff,

  requestTimeout: seconds,
  requestReservedConcurrency: optional(number(0, 1_000_000)),
  revealQuotaPerHour: count,
  revealCapPerHour: count,
  tokenizeQuotaPerHour: count,
  tokenizeCapPerHour: count,
  eraseQuotaPerHour: count,
  eraseCapPerHour: count,
  revealApprovalAbove: optional(number(0, 999_999_999)),
  approvalExpiryInHours: count,
  breakGlassCapPerHour: count,
  directReveal: onOff,

  maintainSchedule: text(/^(rate|cron)\(.+\)$/u, 'rate(…) or cron(…)'),
  maintainTimeout: seconds,
  migrateTimeout: seconds,
  sealedRetentionInDays: optional(number(1, 99_999)),
  auditBucket: optional(text(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/u, 'the name of a bucket')),

  memorySize: number(128, 10_240),
  logLevel: oneOf('TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL', 'SILENT'),
  logRetentionInDays: (value) =>
    logRetentions.includes(Number(value))
      ? null
      : `is not one that CloudWatch has: ${logRetentions.join(', ')}`,
  tracing: onOff,
  trail: onOff,

  alarmQueueAgeInSeconds: number(1, 1_209_600),
  alarmIngestErrors: count,
  alarmIngestThrottles: count,
  alarmRevealedPerHour: count,
  alarmLookedUpPerHour: count,
  alarmDeniedTokens: count,
  alarmCappedTokens: count,
  alarmKmsDenied: count,
  alarmSealBroken: count,
  alarmRevealErrors: count,
  // CloudWatch looks back no further than a week
  alarmMaintainHours: number(1, 168),

  // check.cjs compares them with the region
  dataKeyArn: anything,
  formerDataKeyArns: anything,
  tokenGeneration: number(1, 999_998),
  rotation: onOff,
  deletionPolicy: oneOf('Retain', 'Delete'),
  keyDeletionWindowInDays: number(7, 30),
};

const logRetentions = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
  3653,
];

/** What is wrong with the name of a parameter; null if there is such a parameter. */
function problemOfName(name) {
  if (Object.hasOwn(rules, name)) return null;
  const near = nearest(name);
  return `${name} is not a parameter${near === null ? '' : `: is it ${near}?`}`;
}

/** The parameter that is spelt most like `name`; null if none is. */
function nearest(name) {
  const distances = Object.keys(rules).map((known) => ({ known, distance: distance(name, known) }));
  const [best] = distances.toSorted((a, b) => a.distance - b.distance);
  return best.distance <= Math.max(2, name.length / 3) ? best.known : null;
}

/** How many letters must be changed, added or left out; 1 if one is the beginning or end of the other. */
function distance(first, second) {
  const [a, b] = [first.toLowerCase(), second.toLowerCase()];
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  if (short.length >= 5 && (long.startsWith(short) || long.endsWith(short))) return 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

module.exports = { rules, problemOfName };
