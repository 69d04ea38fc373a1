import { randomUUID } from 'node:crypto';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';

import { eraseValues } from '../../db/erase-values.ts';
import { createRevealStore } from '../../db/reveal-store.ts';
import type { Role } from '../../db/roles.ts';
import type { ChainPosition } from '../../lib/audit-chain.ts';
import type { DatabaseConfig } from '../../lib/config.ts';
import { createOpeningKeys } from '../../lib/data-key.ts';
import { erase } from '../../lib/erase.ts';
import { VaultError } from '../../lib/errors.ts';
import type { MetricName } from '../../lib/metrics.ts';
import type { PiiKind } from '../../lib/pii-kind.ts';
import { reveal } from '../../lib/reveal.ts';
import { createTokenizer } from '../../lib/token.ts';
import { createDice } from '../../scripts/local/dice.ts';
import { type CrashingPostgres, startCrashingPostgres } from '../helpers/crashing-postgres.ts';
import {
  type ConnectionFault,
  connectionFaults,
  type FaultyProxy,
  startFaultyProxy,
} from '../helpers/faulty-proxy.ts';
import { createKmsDouble } from '../helpers/kms-double.ts';
import { testPassword } from '../helpers/postgres.ts';
import { readable } from '../helpers/readable.ts';
import { silentLog, silentMetrics } from '../helpers/vault.ts';
import { type Container, type Outside, type Point, startContainer } from './container.ts';
import { createDeck } from './deck.ts';
import { createMessages, markers, refusedDeviceType, type Sent } from './messages.ts';
import { prepareProcessContainers } from './process-container.ts';
import { createQueue, type Delivery, type Queue } from './queue.ts';
import { createWeather, kmsFaults } from './weather.ts';

/** How much goes through how many faults. */
export interface Setting {
  messages: number;
  /** Sizes of batches, each as likely as the others. */
  batches: readonly number[];
  /** Share of all messages that the table itself refuses. */
  refusedShare: number;
  /** Whether Postgres waits for its disk. */
  fsync: boolean;
  /** Rounds between two crashes of Postgres, about. */
  crashEvery: number;
  /** Statements that are never answered; each costs its handler the statement's time limit. */
  silences: number;
  /** After this round nothing fails any more; after twice as many the queue must be empty. */
  stormRounds: number;
}

/** What happened, and where it can be looked at. */
export interface Storm {
  seed: number;
  postgres: CrashingPostgres;
  messages: readonly Sent[];
  queue: Queue;
  tokenOf: (kind: PiiKind, value: string | null) => string | null;
  /** Every token that can be there, and its value. */
  values: ReadonlyMap<string, string>;
  kms: ReturnType<typeof createKmsDouble>;
  /** How often each fault was met, and each error that ingest logged. */
  faults: ReadonlyMap<string, number>;
  errors: ReadonlyMap<string, number>;
  counts: ReadonlyMap<string, number>;
  /** What was wrong while it went on. */
  findings: string[];
  /** Rows of the audit that somebody was told of. */
  heads: ChainPosition[];
  /** Tokens asked for, by the request that was answered. */
  answeredReveals: ReadonlyMap<string, number>;
  rounds: number;
  seconds: number;
  /** Delivers all of these again, without faults; returns what ingest counted. */
  deliverAgain: (messages: readonly Sent[]) => Promise<Partial<Record<MetricName, number>>>;
  end: () => Promise<void>;
}

const deaths = [
  'killed before the statement',
  'killed under the statement',
  'killed after the commit',
  'killed before the answer',
] as const;
const delays = ['late before the statement', 'late after the commit'] as const;
const deadLetterFaults = ['dead letters not taken', 'dead letters taken, answer lost'] as const;
const worldFaults = ['Postgres killed', 'Postgres backend killed'] as const;

type Card = ConnectionFault | (typeof deaths | typeof delays | typeof deadLetterFaults)[number];

const handlerCards: readonly Card[] = [
  ...connectionFaults.filter((fault) => fault !== 'silence'),
  ...deaths,
  ...deadLetterFaults,
  // dead letters are few in small batches
  ...deadLetterFaults,
  ...delays,
];

/** Every fault that a storm has to meet; `silence` only where the setting asks for it. */
export const expectedFaults: readonly string[] = [
  ...handlerCards,
  ...worldFaults,
  ...kmsFaults,
  'process killed',
];

const handlersAtOnce = 4;
const faultShare = 0.5;
const lateRounds = 6;
const reason = 'fault suite, under faults';
const officer = { id: 'fault suite', source: 'claimed' } as const;

const count = (what: Map<string, number>, name: string, by = 1) =>
  what.set(name, (what.get(name) ?? 0) + by);
const forever = () => new Promise<never>(() => undefined);

/** Something that happens at most once, and can be waited for. */
function signal<T>(name: T): { given: Promise<T>; give: () => void } {
  let give!: () => void;
  const given = new Promise<T>((resolve) => {
    give = () => resolve(name);
  });
  return { given, give };
}

/** A container and the call it has under way. */
interface Slot {
  container: Container;
  call: Call | null;
  isDead: boolean;
}

interface Call {
  card: Card | null;
  die: () => void;
  /** Set once the call is held up: it resolves when the call goes on. */
  hold: () => Promise<void>;
  isOver: boolean;
}

/** Sends all messages through the storm until the queue is empty. */
export async function runStorm(seed: number, setting: Setting): Promise<Storm> {
  const startedAt = performance.now();
  const dice = createDice(seed);
  const queue = createQueue(createDice(seed + 1));
  const kms = createKmsDouble();
  const postgres = await startCrashingPostgres(setting.fsync);
  const processes = await prepareProcessContainers();
  const { database } = postgres;
  await database.admin.query(
    `alter table user_logins
     add constraint owners_rule check (device_type <> '${refusedDeviceType}')`,
  );

  const faults = new Map<string, number>();
  const errors = new Map<string, number>();
  const counts = new Map<string, number>();
  const findings: string[] = [];
  const met = (fault: string) => void count(faults, fault);
  const weather = createWeather(dice, met);

  const tokenizer = createTokenizer(await kms.tokenRoot());
  const values = new Map<string, string>();
  const tokenOf = (kind: PiiKind, value: string | null) =>
    value === null ? null : tokenizer.token(kind, value);
  const make = createMessages(createDice(seed + 2), setting.refusedShare);
  const messages = Array.from({ length: setting.messages }, () => make());
  for (const { becomes } of messages) {
    if (!('login' in becomes)) continue;
    const { ip, deviceId } = becomes.login;
    if (ip !== null) values.set(tokenizer.token('ip', ip), ip);
    if (deviceId !== null) values.set(tokenizer.token('device_id', deviceId), deviceId);
  }
  const tokens = [...values.keys()];

  const place: DatabaseConfig = {
    host: '127.0.0.1',
    port: database.port,
    database: database.name,
    user: 'vault_ingest',
    password: testPassword,
    tls: false,
  };
  let containers = 0;
  const openSlot = async (isProcess: boolean): Promise<Slot> => {
    containers += 1;
    const slot: Partial<Slot> = { call: null, isDead: false };
    const outside = outsideOf(slot as Slot);
    const start = isProcess ? processes.start : startContainer;
    slot.container = await start(
      `${isProcess ? 'process' : 'container'} ${containers}`,
      place,
      outside,
    );
    return slot as Slot;
  };

  /** What a container sees of the world, which its call's card disturbs. */
  function outsideOf(slot: Slot): Outside {
    return {
      tokenRoot: () => weather.through(() => kms.tokenRoot()),
      generateDataKey: (id) => weather.through(() => kms.generateDataKey(id)),
      failed: (error) => {
        if (slot.isDead) return;
        const text = typeof error === 'string' ? error : readable(error);
        if (markers.some((marker) => text.includes(marker))) {
          findings.push('an error that ingest logged holds a plaintext');
        }
        const name = error instanceof VaultError ? error.message : String(error);
        count(errors, name);
        if (name.includes('foreign') || !(error instanceof VaultError || typeof error === 'string'))
          findings.push('ingest met an error that is none of the vault’s');
      },
      counted: (counted) => {
        for (const [name, by] of Object.entries(counted)) count(counts, name, by);
      },
      sendToDeadLetters: async (letters) => {
        if (slot.isDead) return forever();
        const card = slot.call?.card;
        if (card !== 'dead letters not taken' && card !== 'dead letters taken, answer lost') {
          letters.forEach(queue.addDeadLetter);
          return [];
        }
        const failed = letters.flatMap((_, index) => (dice.fraction() < 0.6 ? [index] : []));
        if (failed.length > 0) met(card);
        for (const [index, letter] of letters.entries()) {
          if (card === 'dead letters taken, answer lost' || !failed.includes(index)) {
            queue.addDeadLetter(letter);
          }
        }
        return failed;
      },
      reaches: (point) => reaches(slot, point),
    };
  }

  async function reaches(slot: Slot, point: Point): Promise<void> {
    const { call } = slot;
    if (slot.isDead || call === null) return forever();
    const { card } = call;
    if (card === 'killed under the statement' && point === 'before the statement') {
      setTimeout(() => {
        if (call.isOver) return;
        met(card);
        call.die();
      }, dice.below(8));
      return undefined;
    }
    if (card === `killed ${point}`) {
      met(card);
      call.die();
      return forever();
    }
    if (card === `late ${point}`) {
      // once only: a batch that is halved comes here again
      call.card = null;
      met(card);
      await call.hold();
    }
    return undefined;
  }

  let round = 0;
  let isStorm = true;
  let clock = 0;
  const heldCalls: { until: number; goOn: () => void }[] = [];
  const lateCalls = new Set<Promise<void>>();
  const nextCard = createDeck(dice, handlerCards);

  function draw(): Card | null {
    if (!isStorm || dice.fraction() >= faultShare) return null;
    const isLeft = (faults.get('silence') ?? 0) < setting.silences;
    if (isLeft && dice.below(20) === 0) return 'silence';
    return nextCard();
  }

  /** Hands a batch to a container. Returns a new slot in its place when it died or is late. */
  async function deliver(slot: Slot, records: SQSRecord[]): Promise<'ready' | 'gone'> {
    const { container } = slot;
    const card = draw();
    const death = signal('died' as const);
    const lateness = signal('late' as const);
    const call: Call = {
      card,
      isOver: false,
      die: () => {
        slot.isDead = true;
        if (container.name.startsWith('process')) met('process killed');
        container.kill();
        death.give();
      },
      hold: () => {
        lateness.give();
        return new Promise((goOn) => {
          heldCalls.push({ until: round + lateRounds, goOn });
        });
      },
    };
    slot.call = call;
    const breaks = connectionFaults.find((fault) => fault === card);
    // once is mended by the second attempt, more often is not
    if (breaks !== undefined) {
      const times = breaks === 'silence' ? 1 : 1 + dice.below(3);
      container.proxy.arm(breaks, times, () => met(breaks));
    }
    const delivery: Delivery = {
      round,
      container: container.name,
      fault: card ?? 'no fault',
      outcome: 'never ended',
    };
    queue.trace(records, delivery);
    if (card === 'silence') lateness.give();

    const finish = async () => {
      const answer = container.handle(records, clock).then(
        (response) => response,
        () => 'threw' as const,
      );
      const outcome = await Promise.race([answer, death.given]);
      call.isOver = true;
      container.proxy.disarm();
      delivery.outcome = typeof outcome === 'string' ? outcome : settle(records, outcome);
    };
    const finished = finish();
    const ended = await Promise.race([finished, lateness.given]);
    if (ended === 'late') {
      const whenDone = finished.then(container.end).then(() => void lateCalls.delete(whenDone));
      lateCalls.add(whenDone);
      return 'gone';
    }
    return slot.isDead ? 'gone' : 'ready';
  }

  /** What the event source mapping does with an answer. */
  function settle(records: readonly SQSRecord[], { batchItemFailures }: SQSBatchResponse): string {
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const record of records) {
      if (!failed.has(record.messageId)) queue.acknowledge(record);
    }
    const known = new Set(records.map(({ messageId }) => messageId));
    if ([...failed].some((id) => !known.has(id))) {
      findings.push('ingest reported a message as failed that was not in its batch');
    }
    return failed.size === 0 ? 'answered' : `answered, ${failed.size} of them failed`;
  }

  const proxies: FaultyProxy[] = [];
  const throughProxy = async (role: Role) => {
    const proxy = await startFaultyProxy(database.port);
    proxies.push(proxy);
    return { proxy, pool: database.as(role, proxy.port) };
  };
  const revealing = await throughProxy('vault_reveal');
  const erasing = await throughProxy('vault_erase');
  const heads: ChainPosition[] = [];
  const answeredReveals = new Map<string, number>();
  const wasAsked = new Set<string>();
  const openingKeys = createOpeningKeys({
    unwrapDataKey: (key) => weather.through(() => kms.unwrapDataKey(key)),
  });
  const nextBreak = createDeck(
    dice,
    connectionFaults.filter((fault) => fault !== 'silence'),
  );
  /** Half of the times at the statement that commits, which is the one after `last` others. */
  const disturb = (proxy: FaultyProxy, last: number) => {
    const fault = nextBreak();
    if (isStorm && dice.below(2) === 0) {
      const after = dice.below(2) === 0 ? last : dice.below(last);
      proxy.arm(fault, 1, () => met(`${fault} (reveal, erase)`), after);
    }
  };

  async function revealSome(): Promise<void> {
    disturb(revealing.proxy, 8);
    const asked = [...new Set(Array.from({ length: 50 }, () => dice.pick(tokens)))];
    const requestId = randomUUID();
    try {
      const answer = await reveal({ tokens: asked, reason }, officer, requestId, {
        ...createRevealStore(revealing.pool),
        keys: openingKeys,
        quota: 1_000_000,
        log: silentLog,
        metrics: silentMetrics,
      });
      answeredReveals.set(requestId, asked.length);
      if (answer.revealed.length + answer.missing.length !== asked.length) {
        findings.push('a reveal under faults left tokens out');
      }
      if (answer.revealed.some(({ token, value }) => values.get(token) !== value)) {
        findings.push('a reveal under faults gave a wrong value');
      }
      if (answer.missing.some(({ token, why }) => why === 'erased' && !wasAsked.has(token))) {
        findings.push('a reveal under faults called a token erased that was not');
      }
      count(counts, 'reveals answered');
    } catch (error) {
      if (!(error instanceof VaultError) || error.name !== 'VaultUnavailable') {
        findings.push(
          `a reveal under faults threw ${error instanceof Error ? error.name : 'something'}`,
        );
      }
      count(counts, 'reveals failed');
    }
    revealing.proxy.disarm();
  }

  async function eraseSome(): Promise<void> {
    disturb(erasing.proxy, 6);
    const asked = [...new Set(Array.from({ length: 3 }, () => dice.pick(tokens)))];
    for (const token of asked) wasAsked.add(token);
    try {
      const { audit } = await erase({ tokens: asked, reason }, officer, randomUUID(), {
        erase: (...request) => eraseValues(erasing.pool, ...request),
        log: silentLog,
        metrics: silentMetrics,
      });
      heads.push({ id: audit.id, hash: Buffer.from(audit.hash, 'hex') });
      count(counts, 'erases certified');
    } catch {
      count(counts, 'erases failed');
    }
    erasing.proxy.disarm();
  }

  const nextWorldFault = createDeck(dice, worldFaults);
  let worldFault = nextWorldFault();
  let nextCrash = 4;
  let crashing: Promise<void> = Promise.resolve();
  let isCrashing = false;
  function crashSometimes(): void {
    if (!isStorm || isCrashing || round < nextCrash) return;
    const fault = worldFault;
    const isOver = () => {
      met(fault);
      worldFault = nextWorldFault();
      // the second one soon, so that a short storm meets both
      nextCrash = round + (nextCrash === 4 ? 5 : 1 + dice.below(2 * setting.crashEvery));
    };
    const happen = async () => {
      if (fault === 'Postgres killed') {
        await new Promise((resolve) => setTimeout(resolve, dice.below(25)));
        isOver();
        await postgres.crash(dice.below(200));
        return;
      }
      for (let tries = 0; tries < 100; tries += 1) {
        if (await postgres.killBackend('vault_ingest')) {
          isOver();
          return;
        }
      }
    };
    isCrashing = true;
    crashing = happen().finally(() => {
      isCrashing = false;
    });
  }

  const nextWeather = createDeck(dice, kmsFaults);
  let weatherUntil = 0;
  function changeWeather(): void {
    if (round < weatherUntil) return;
    const isFair = !isStorm || dice.fraction() < 0.6;
    weather.change(isFair ? null : nextWeather());
    weatherUntil = round + 1 + dice.below(3);
  }

  messages.forEach(queue.send);
  // one of the handlers is a process of its own
  const slots = await Promise.all(
    Array.from({ length: handlersAtOnce }, (_, index) => openSlot(index === 0)),
  );
  const goOn = (isEnd: boolean) => {
    for (const held of heldCalls.splice(0)) {
      if (isEnd || held.until <= round) held.goOn();
      else heldCalls.push(held);
    }
  };
  const needsRedrive = () => queue.deadLetters.some(({ reason: why }) => why === null);

  while (queue.alive() > 0 || lateCalls.size > 0 || needsRedrive()) {
    round += 1;
    queue.tick();
    if (round > setting.stormRounds) {
      isStorm = false;
    }
    if (round > 2 * setting.stormRounds) {
      findings.push(`the queue is not empty after ${round} rounds: ${queue.alive()} are left`);
      break;
    }
    changeWeather();
    crashSometimes();
    goOn(queue.alive() === 0);
    if (queue.alive() === 0) {
      await Promise.all(lateCalls);
      queue.redrive(0);
    } else if (round % 20 === 0) queue.redrive(0.03);
    // a data key lasts an hour
    if (dice.below(4) === 0) clock += 1;

    const size = () => Math.min(dice.pick(setting.batches), queue.alive());
    const work = slots.map(async (slot, index) => {
      const records = queue.receive(size());
      if (records.length === 0) return;
      if ((await deliver(slot, records)) === 'gone') slots[index] = await openSlot(index === 0);
    });
    if (round % 2 === 0) work.push(revealSome());
    if (round % 3 === 0) work.push(eraseSome());
    await Promise.all(work);
    // sometimes the next round meets Postgres while it is down
    if (isCrashing && dice.below(3) > 0) await crashing;
  }
  isStorm = false;
  await crashing;
  goOn(true);
  await Promise.all(lateCalls);
  // a server that lost a backend recovers by itself
  await postgres.untilReady();
  weather.change(null);
  const rounds = round;
  const seconds = (performance.now() - startedAt) / 1000;

  return {
    seed,
    postgres,
    messages,
    queue,
    tokenOf,
    values,
    kms,
    faults,
    errors,
    counts,
    findings,
    heads,
    answeredReveals,
    rounds,
    seconds,
    deliverAgain: async (again) => {
      const before = new Map(counts);
      const slot = await openSlot(false);
      for (let start = 0; start < again.length; start += 1_000) {
        const records = queue.recordsOf(again.slice(start, start + 1_000));
        slot.call = { card: null, isOver: false, die: () => undefined, hold: forever };
        const { batchItemFailures } = await slot.container.handle(records, clock);
        if (batchItemFailures.length > 0) findings.push('a message delivered again failed');
      }
      await slot.container.end();
      return Object.fromEntries(
        (['received', 'stored', 'duplicates', 'sealed'] as const).map((name) => [
          name,
          (counts.get(name) ?? 0) - (before.get(name) ?? 0),
        ]),
      );
    },
    end: async () => {
      await Promise.all([
        postgres.stop(),
        processes.remove(),
        ...slots.map(({ container }) => container.end()),
        ...proxies.map((proxy) => proxy.close()),
      ]);
    },
  };
}
