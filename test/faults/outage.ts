import { readFile } from 'node:fs/promises';
import type { SQSRecord } from 'aws-lambda';
import { parse } from 'yaml';

import { createPool } from '../../db/pool.ts';
import { ingest } from '../../lib/ingest/ingest.ts';
import type { OutgoingMessage } from '../../lib/sqs.ts';
import { hourMs } from '../../lib/time.ts';
import { createKmsDouble } from '../../scripts/local/kms-double.ts';
import { createPrng } from '../../scripts/local/prng.ts';
import { loginMessage, sqsRecord } from '../helpers/builders.ts';
import { startCrashingPostgres } from '../helpers/crashing-postgres.ts';
import { testPassword } from '../helpers/postgres.ts';
import { startProxy } from '../helpers/proxy.ts';
import { containerDeps } from '../helpers/vault.ts';
import { createTimedQueue, type TimedQueue } from './timed-queue.ts';

/**
 * What becomes of 1 000 messages a second when the database is away for a day and KMS for its last hour
 * and one more. The queue, the settings and all times are those of a stage with the defaults, on a clock
 * of its own. What counts messages is divided by `scale`: the rate, what may be in flight, and what a
 * batch holds, which is at least ten.
 */
export interface OutageSetting {
  scale: number;
  /** Messages that kill their container. They come before the outage, in it, at its end and after it. */
  deadly: number;
}

/** What came of it. */
export interface Outage {
  sent: number;
  stored: number;
  /** Users with other than one login. */
  wrong: number;
  /** Messages that the queue itself gave up. */
  lost: readonly string[];
  deadLetters: readonly OutgoingMessage[];
  deadlyIds: readonly string[];
  /** The longest from a deadly message's first delivery until it was put aside, without the outage, in seconds. */
  slowestIsolation: number;
  maxReceives: number;
  deaths: number;
  /** Calls of the function while nothing could be stored, and connections that it tried. */
  callsInOutage: number;
  connectionsInOutage: number;
  /** Log lines about it, from all containers. */
  saidAway: number;
  /** From the end of the outage until the queue held no message older than ten minutes, in seconds. */
  drained: number;
  seconds: number;
}

const perSecond = 1_000;
const batchSize = 1_000;
/** Half of what four handlers store a second. */
const storedPerSecond = 4_000;
const maxInFlight = 120_000;
const pollSeconds = 5;
const newShare = 0.05;

const hour = hourMs / 1000;
const outage = { from: hour, to: 25 * hour };
const kmsOutage = { from: 24 * hour, to: 26 * hour };
const lastSent = 27 * hour;

/** Runs the day, and on until the queue is empty. */
export async function runOutage({ scale, deadly }: OutageSetting): Promise<Outage> {
  const startedAt = performance.now();
  const stage = await defaults();
  const postgres = await startCrashingPostgres(false);
  const { database } = postgres;
  const proxy = await startProxy(database.port);
  const kms = createKmsDouble();
  let seconds = 0;
  const queue = createTimedQueue(
    {
      visibilityTimeout: stage.visibilityTimeout,
      maxReceiveCount: stage.maxReceiveCount,
      retention: stage.messageRetentionInSeconds,
      maxInFlight: maxInFlight / scale,
    },
    () => seconds,
  );
  const result = {
    sent: 0,
    deadLetters: [] as OutgoingMessage[],
    deaths: 0,
    callsInOutage: 0,
    saidAway: 0,
    drained: 0,
    slowestIsolation: 0,
  };
  const deadlyIds: string[] = [];
  const firstWork = new Map<string, number>();

  const open = () => {
    const pool = createPool({
      host: '127.0.0.1',
      port: proxy.port,
      database: database.name,
      user: 'vault_ingest',
      password: testPassword,
      tls: false,
    });
    const deps = containerDeps(pool, kms, () => seconds * 1000);
    const { write } = deps;
    let die: (outcome: null) => void;
    const death = new Promise<null>((resolve) => (die = resolve));
    deps.log = {
      info: () => undefined,
      error: (event) => (result.saidAway += event === 'vault unavailable' ? 1 : 0),
    };
    deps.write = (masked) => {
      if (!masked.logins.some(({ messageId }) => deadlyIds.includes(messageId))) {
        return write(masked);
      }
      die(null);
      return new Promise(() => undefined);
    };
    return { deps, death, end: () => pool.end() };
  };
  const containers = Array.from({ length: stage.ingestMaximumConcurrency }, open);

  const call = async (index: number, records: SQSRecord[]) => {
    const { deps, death, end } = containers[index]!;
    const threw = {
      batchItemFailures: records.map(({ messageId: id }) => ({ itemIdentifier: id })),
    };
    const outcome = await Promise.race([ingest(records, deps).catch(() => threw), death]);
    for (const letter of deps.deadLetters.splice(0)) {
      result.deadLetters.push(letter);
      const since = firstWork.get(letter.attributes?.['sourceMessageId'] ?? '') ?? 0;
      const took = workableUntil(seconds) - workableUntil(since);
      result.slowestIsolation = Math.max(result.slowestIsolation, took);
    }
    if (outcome === null) {
      result.deaths += 1;
      await end();
      containers[index] = open();
      return;
    }
    const failed = new Set(outcome.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const { messageId } of records) if (!failed.has(messageId)) queue.delete(messageId);
  };

  const isAway = () => seconds >= outage.from && seconds < kmsOutage.to;
  const poll = async () => {
    const batch = Math.max(10, batchSize / scale);
    const calls = Math.ceil((storedPerSecond * pollSeconds) / scale / batch);
    // what fails at once is followed by the next batch, until all that may be is in flight
    for (let n = 0; isAway() || n < calls; n += 1) {
      const records = queue.receive(batch);
      if (records.length === 0) return;
      if (isAway()) result.callsInOutage += 1;
      else {
        for (const { messageId: id } of records) firstWork.set(id, firstWork.get(id) ?? seconds);
      }
      await call(n % containers.length, records);
    }
  };

  const make = createLogins();
  const deadlyAt = spread(deadly);
  for (; seconds <= lastSent || queue.waiting() > 0; seconds += pollSeconds) {
    const due = Math.floor((Math.min(seconds, lastSent) * perSecond) / scale);
    for (; result.sent < due; result.sent += 1) {
      const record = make(seconds);
      if (deadlyAt.length > 0 && seconds >= deadlyAt[0]!) {
        deadlyAt.shift();
        deadlyIds.push(record.messageId);
      }
      queue.send(record);
    }
    proxy.refuse(seconds >= outage.from && seconds < outage.to);
    kms.fault = seconds >= kmsOutage.from && seconds < kmsOutage.to ? 'KMSInternalException' : null;
    await poll();
    if (result.drained === 0 && seconds > kmsOutage.to && isShort(queue, scale)) {
      result.drained = seconds - kmsOutage.to;
    }
  }

  const { rows } = await database.admin.query<{ stored: number; wrong: number }>(
    `select count(*)::integer as stored, (count(*) - count(distinct user_id))::integer as wrong
     from user_logins`,
  );
  await Promise.all(containers.map(({ end }) => end()));
  const connectionsInOutage = proxy.refused();
  await proxy.close();
  await postgres.stop();
  return {
    ...result,
    ...rows[0]!,
    lost: queue.lost,
    deadlyIds,
    maxReceives: queue.maxReceives(),
    connectionsInOutage,
    seconds: (performance.now() - startedAt) / 1000,
  };
}

/** For how many of the first seconds containers could work. */
function workableUntil(seconds: number): number {
  const away = Math.max(0, Math.min(seconds, kmsOutage.to) - outage.from);
  return seconds - away;
}

/** Whether no more messages wait than come in ten minutes. */
function isShort(queue: TimedQueue, scale: number): boolean {
  return queue.waiting() <= (600 * perSecond) / scale;
}

/** When deadly messages are sent: the first before the outage, the last after it. */
function spread(count: number): number[] {
  const moments = [hour / 2, 12 * hour, 26 * hour - 60, 26 * hour + 600];
  return Array.from({ length: count }, (_, n) => moments[n % moments.length]! + n).toSorted(
    (a, b) => a - b,
  );
}

/** Logins of users of their own, on devices and addresses of which few were not seen before. */
function createLogins(): (seconds: number) => SQSRecord {
  const prng = createPrng(1);
  let users = 0;
  let values = 1;
  const value = () => (prng.fraction() < newShare ? (values += 1) : prng.below(values));
  return (seconds) => {
    users += 1;
    const n = value();
    const message = loginMessage({
      user_id: `user-${users}`,
      ip: `198.18.${(n >> 8) % 256}.${n % 256}`,
      device_id: `device-${n}`,
    });
    const record = sqsRecord(message, { messageId: prng.uuid() });
    const SentTimestamp = String(Date.UTC(2026, 0, 30) + seconds * 1000);
    return { ...record, attributes: { ...record.attributes, SentTimestamp } };
  };
}

interface Defaults {
  visibilityTimeout: number;
  maxReceiveCount: number;
  messageRetentionInSeconds: number;
  ingestMaximumConcurrency: number;
}

async function defaults(): Promise<Defaults> {
  const file = new URL('../../stages/default.yml', import.meta.url);
  return parse(await readFile(file, 'utf8')) as Defaults;
}
