import type { TokenKeyArns } from './crypto/kms.ts';
import { InvalidConfig } from './errors.ts';

/** How one function reaches Postgres, as its own role. */
export interface DatabaseConfig {
  host: string;
  port: number;
  database: string;
  user: string;
  /** Null: authenticate by IAM, with a token that RDS accepts for 15 minutes. */
  password: string | null;
  /** False only if the socket stays on this machine. */
  tls: boolean;
}

export interface KeyScopeConfig {
  service: string;
  stage: string;
}

/** From the least to the most important; `SILENT` logs nothing. */
export const logLevels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL', 'SILENT'] as const;

export interface LogConfig {
  service: string;
  /** The least level that is logged. */
  level: (typeof logLevels)[number];
}

/** The hourly limits of the function that logs in as this role, in tokens or values. */
export interface RoleLimits {
  role:
    | 'vault_reveal'
    | 'vault_reveal_url'
    | 'vault_break_glass'
    | 'vault_tokenize'
    | 'vault_erase';
  /** For one caller. */
  perCaller: number;
  /** For all callers together. */
  overall: number;
}

/** The credentials that Lambda gives the function. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** The SNS topic for requests and decisions, and who publishes. */
export interface TopicConfig extends KeyScopeConfig {
  topicArn: string;
  region: string;
  endpoint: string;
  credentials: () => Credentials;
}

/** When a reveal needs somebody else's approval. */
export interface ApprovalRule {
  /** Part of each request's digest. */
  stage: string;
  /** Tokens that a caller may reveal within 24 hours without an approval; null: any number. */
  above: number | null;
  /** How long a request waits for a decision. */
  hours: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the database settings. Throws `InvalidConfig` naming the first variable at fault. */
export function databaseConfig(environment: Environment = process.env): DatabaseConfig {
  const authentication = oneOf(environment, 'DATABASE_AUTH', ['iam', 'password']);
  return Object.freeze({
    host: required(environment, 'DATABASE_HOST'),
    port: positiveInteger(environment, 'DATABASE_PORT'),
    database: required(environment, 'DATABASE_NAME'),
    user: required(environment, 'DATABASE_USER'),
    password: authentication === 'password' ? required(environment, 'DATABASE_PASSWORD') : null,
    tls: oneOf(environment, 'DATABASE_TLS', ['verify', 'off']) === 'verify',
  });
}

/** The service and stage that bind data keys to this deployment. */
export function keyScopeConfig(environment: Environment = process.env): KeyScopeConfig {
  return Object.freeze({
    service: required(environment, 'VAULT_SERVICE'),
    stage: required(environment, 'VAULT_STAGE'),
  });
}

/** What the log names, and shows. */
export function logConfig(environment: Environment = process.env): LogConfig {
  return Object.freeze({
    service: required(environment, 'VAULT_SERVICE'),
    level: oneOf(environment, 'LOG_LEVEL', logLevels),
  });
}

/** The trace of the present request, which Lambda names; undefined where requests are not traced. */
export function traceId(environment: Environment = process.env): string | undefined {
  return /^Root=([0-9a-f-]{1,64})/.exec(environment['_X_AMZN_TRACE_ID'] ?? '')?.[1];
}

/** What metrics are counted under; null where nobody counts them. */
export function metricsConfig(environment: Environment = process.env): KeyScopeConfig | null {
  return environment['METRICS'] === 'off' ? null : keyScopeConfig(environment);
}

/** The KMS keys that `ingest` uses. */
export function sealingKeyConfig(
  environment: Environment = process.env,
): Readonly<{ tokenKeyArns: TokenKeyArns; dataKeyArn: string }> {
  return Object.freeze({
    tokenKeyArns: tokenKeyArns(environment),
    dataKeyArn: required(environment, 'DATA_KEY_ARN'),
  });
}

/**
 * The HMAC keys that tokens are made under, by generation, the lowest first: `1=ARN`, and while the
 * token key is rotated `1=ARN,2=ARN`. The database says which one is current.
 */
export function tokenKeyArns(environment: Environment = process.env): TokenKeyArns {
  const variable = 'TOKEN_KEY_ARNS';
  const entries = required(environment, variable)
    .split(',')
    .map((entry) => /^([1-9]\d{0,5})=(\S+)$/.exec(entry));
  const arns = new Map<number, string>();
  for (const entry of entries) {
    if (entry === null) throw new InvalidConfig(variable, 'is not a list of GENERATION=ARN');
    arns.set(Number(entry[1]), entry[2]!);
  }
  return new Map([...arns].toSorted(([one], [other]) => one - other));
}

/** The generation that a container assumes until the database names another. */
export function firstGeneration(arns: TokenKeyArns): number {
  return [...arns.keys()][0]!;
}

/** Where heads of the audit chain are kept; null if the stage has no bucket. */
export function anchorPlace(
  environment: Environment = process.env,
): Readonly<{ bucket: string; prefix: string }> | null {
  const bucket = environment['AUDIT_BUCKET'] ?? '';
  if (bucket === '') return null;
  const { service, stage } = keyScopeConfig(environment);
  return Object.freeze({ bucket, prefix: `${service}/${stage}/audit-heads` });
}

/** The queue for messages that can never be stored. */
export function deadLetterQueueUrl(environment: Environment = process.env): string {
  return required(environment, 'DEAD_LETTER_QUEUE_URL');
}

/** Whether the token key is rotated, which `migrate` makes a role for. */
export function isRotating(environment: Environment = process.env): boolean {
  return oneOf(environment, 'TOKEN_ROTATION', ['on', 'off']) === 'on';
}

/**
 * The limits that `migrate` writes to the database; 0 for `vault_reveal` if direct reveal is off, and for
 * `vault_break_glass` if nothing needs an approval.
 */
export function limitsConfig(environment: Environment = process.env): readonly RoleLimits[] {
  const isDirect = oneOf(environment, 'DIRECT_REVEAL', ['on', 'off']) === 'on';
  const limits = (name: string) => ({
    perCaller: positiveInteger(environment, `${name}_QUOTA_PER_HOUR`),
    overall: positiveInteger(environment, `${name}_CAP_PER_HOUR`),
  });
  const reveal = limits('REVEAL');
  const needsApproval = approvalRule(environment).above !== null;
  const emergencies = needsApproval ? positiveInteger(environment, 'BREAK_GLASS_CAP_PER_HOUR') : 0;
  return Object.freeze([
    { role: 'vault_reveal', ...(isDirect ? reveal : { perCaller: 0, overall: 0 }) },
    { role: 'vault_reveal_url', ...reveal },
    { role: 'vault_break_glass', perCaller: emergencies, overall: emergencies },
    { role: 'vault_tokenize', ...limits('TOKENIZE') },
    { role: 'vault_erase', ...limits('ERASE') },
  ]);
}

/** When a reveal needs an approval, which `migrate` writes to the database. */
export function approvalRule(environment: Environment = process.env): ApprovalRule {
  const above = environment['REVEAL_APPROVAL_ABOVE'] ?? '';
  return Object.freeze({
    stage: required(environment, 'VAULT_STAGE'),
    above: above === '' ? null : wholeNumber(environment, 'REVEAL_APPROVAL_ABOVE', 0),
    hours: positiveInteger(environment, 'APPROVAL_EXPIRY_IN_HOURS'),
  });
}

/** Where requests and decisions are told of; null where nothing needs an approval. */
export function approvalTopic(
  environment: Environment = process.env,
): Readonly<TopicConfig> | null {
  const topicArn = environment['APPROVAL_TOPIC_ARN'] ?? '';
  if (topicArn === '') return null;
  const [, , , region = ''] = topicArn.split(':');
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return Object.freeze({
    topicArn,
    region,
    endpoint: environment['AWS_ENDPOINT_URL'] || `https://sns.${region}.${domain}/`,
    credentials: () => credentials(environment),
    ...keyScopeConfig(environment),
  });
}

/** Whether `ingest` writes the tokens of the networks of addresses. */
export function writesNetworks(environment: Environment = process.env): boolean {
  return oneOf(environment, 'NETWORK_TOKENS', ['on', 'off']) === 'on';
}

/** The days that sealed values are kept, which `migrate` writes to the database; null: without end. */
export function retentionDays(environment: Environment = process.env): number | null {
  const variable = 'SEALED_RETENTION_IN_DAYS';
  return (environment[variable] ?? '') === '' ? null : positiveInteger(environment, variable);
}

/** Who signs requests to AWS, and in which region. */
export function signingConfig(
  environment: Environment = process.env,
): Readonly<{ region: string; credentials: Credentials }> {
  return Object.freeze({
    region: required(environment, 'AWS_REGION'),
    credentials: credentials(environment),
  });
}

function credentials(environment: Environment): Credentials {
  const sessionToken = environment['AWS_SESSION_TOKEN'];
  return {
    accessKeyId: required(environment, 'AWS_ACCESS_KEY_ID'),
    secretAccessKey: required(environment, 'AWS_SECRET_ACCESS_KEY'),
    ...(sessionToken && { sessionToken }),
  };
}

function required(environment: Environment, variable: string): string {
  const value = environment[variable];
  if (value === undefined || value === '') throw new InvalidConfig(variable, 'is not set');
  return value;
}

function oneOf<T extends string>(
  environment: Environment,
  variable: string,
  allowed: readonly T[],
): T {
  const value = required(environment, variable);
  const match = allowed.find((candidate) => candidate === value);
  if (match === undefined) throw new InvalidConfig(variable, `is not one of ${allowed.join(', ')}`);
  return match;
}

function positiveInteger(environment: Environment, variable: string): number {
  return wholeNumber(environment, variable, 1);
}

function wholeNumber(environment: Environment, variable: string, least: number): number {
  const value = Number(required(environment, variable));
  if (!Number.isSafeInteger(value) || value < least) {
    throw new InvalidConfig(variable, `is not a whole number of at least ${least}`);
  }
  return value;
}
