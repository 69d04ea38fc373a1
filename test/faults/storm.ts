import type { MetricName } from '../../lib/metrics.ts';
import { createPrng, type Prng } from '../../scripts/local/prng.ts';
import { createFaultPicker, handlerFaults } from './handler-faults.ts';
import { crashFaults, createCrashes, type Crashes } from './crashes.ts';
import { deliverAgain } from './deliver-again.ts';
import { createLateCalls, type LateCalls } from './late-calls.ts';
import type { Sent } from './messages.ts';
import type { Now } from './now.ts';
import { isForRedrive, type Queue } from './queue.ts';
import { type Promised, type Requests, startRequests } from './requests.ts';
import { prepareSlots } from './slots.ts';
import { type SourceMapping, startSourceMapping } from './source-mapping.ts';
import { createTally, type Seen, type Tally } from './tally.ts';
import { createFlakyKms, kmsFaults, type FlakyKms } from './flaky-kms.ts';
import { startSystem, type System } from './system.ts';

/** How much goes through how many faults. */
export interface Setting {
  messages: number;
  /** Sizes of batches, each as likely as the others. */
  batches: readonly number[];
  /** Share of all messages that the table itself refuses. */
  refusedShare: number;
  /** Share of the values that were in no message before: the others are in the memory of warm containers. */
  newShare: number;
  /** After so many deliveries the queue itself moves a message to the dead letters, from where it is sent again. */
  maxReceiveCount: number;
  /** Whether Postgres waits for its disk. */
  fsync: boolean;
  /** Rounds between two crashes of Postgres, about. */
  crashEvery: number;
  /** Statements that are never answered; each costs its handler the statement's time limit. */
  silences: number;
  /** After this round nothing fails any more; after twice as many the queue must be empty. */
  stormRounds: number;
  /** Takes a line on how far it is, every ten seconds. */
  say: (line: string) => void;
}

/** What happened, and where it can be looked at. */
export interface Storm extends System, Seen, Promised {
  rounds: number;
  seconds: number;
  /** Delivers all of these again, without faults; returns what ingest counted. */
  deliverAgain: (messages: readonly Sent[]) => Promise<Partial<Record<MetricName, number>>>;
  end: () => Promise<void>;
}

/** Every fault that a storm has to meet. */
export function expectedFaults({ silences }: Setting): string[] {
  return [
    ...handlerFaults,
    ...crashFaults,
    ...kmsFaults,
    'process killed',
    'remembered token erased',
    ...(silences > 0 ? ['silence'] : []),
  ];
}

/** The share of the messages that come slowly for as long as a fault was not met yet. */
const heldBackShare = 0.2;
const heldBackRounds = 50;

/** Sends all messages through the storm until the queue is empty. */
export async function runStorm(seed: number, setting: Setting): Promise<Storm> {
  const startedAt = performance.now();
  const prng = createPrng(seed);
  const system = await startSystem(seed, setting);
  const { postgres, queue, messages } = system;
  const { database } = postgres;
  const now: Now = { round: 0, isStorm: true, clock: 0 };
  const tally = createTally();
  const flakyKms = createFlakyKms({ prng, now, tally });
  const lateCalls = createLateCalls(now);
  const shared = { ...system, database, prng, now, tally, flakyKms, lateCalls };
  const requests = await startRequests(shared);
  const crashes = createCrashes({ ...shared, every: setting.crashEvery });
  const slots = await prepareSlots(shared);
  const heldBack = messages.slice(messages.length * (1 - heldBackShare));
  messages.slice(0, -heldBack.length).forEach(queue.send);
  const mapping = await startSourceMapping({
    ...shared,
    slots,
    pickFault: createFaultPicker({ ...shared, silences: setting.silences }),
    batches: setting.batches,
  });

  await passRounds(setting, heldBack, { ...shared, requests, crashes, mapping });
  await crashes.ended();
  lateCalls.goOn(true);
  await lateCalls.ended();
  // a server that lost a backend recovers by itself
  await postgres.untilReady();
  flakyKms.clear();

  const { faults, errors, counts, findings } = tally;
  const { heads, answeredReveals } = requests;
  return {
    ...system,
    faults,
    errors,
    counts,
    findings,
    heads,
    answeredReveals,
    rounds: now.round,
    seconds: (performance.now() - startedAt) / 1000,
    deliverAgain: (again) => deliverAgain(again, { ...shared, slots }),
    end: async () => {
      await Promise.all([postgres.stop(), slots.remove(), mapping.end(), requests.end()]);
    },
  };
}

const maxRoundMs = 120_000;

/** Waits for all of this; false where it takes longer than a round can. */
async function endInTime(work: readonly Promise<void>[]): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), maxRoundMs);
  });
  const isDone = await Promise.race([Promise.all(work).then(() => true), late]);
  clearTimeout(timer);
  return isDone;
}

interface Deps {
  prng: Prng;
  now: Now;
  queue: Queue;
  tally: Tally;
  flakyKms: FlakyKms;
  crashes: Crashes;
  lateCalls: LateCalls;
  requests: Requests;
  mapping: SourceMapping;
}

async function passRounds(setting: Setting, heldBack: Sent[], deps: Deps): Promise<void> {
  const { prng, now, queue, tally, flakyKms, crashes, lateCalls, requests, mapping } = deps;
  const needsRedrive = () => queue.deadLetters.some(isForRedrive);
  const { stormRounds, say } = setting;
  const expected = expectedFaults(setting);
  const slowly = Math.ceil(heldBack.length / heldBackRounds);
  let saidAt = performance.now();

  while (heldBack.length > 0 || queue.alive() > 0 || lateCalls.left() > 0 || needsRedrive()) {
    now.round += 1;
    queue.tick();
    now.isStorm = now.round <= stormRounds;
    const isMissed = now.isStorm && expected.some((fault) => !tally.faults.has(fault));
    heldBack.splice(0, isMissed ? slowly : heldBack.length).forEach(queue.send);
    if (performance.now() - saidAt > 10_000) {
      saidAt = performance.now();
      const left = queue.alive() + heldBack.length;
      say(`round ${now.round}: ${left} messages are left`);
    }
    if (now.round > 2 * stormRounds) {
      tally.found(`the queue is not empty after ${now.round} rounds: ${queue.alive()} are left`);
      return;
    }
    flakyKms.change();
    crashes.next();
    lateCalls.goOn(queue.alive() === 0);
    if (queue.alive() === 0) {
      await lateCalls.ended();
      queue.redrive(0);
    } else if (now.round % 20 === 0) queue.redrive(0.03);
    // a data key lasts an hour
    if (prng.below(4) === 0) now.clock += 1;

    const work = mapping.poll();
    if (now.round % 2 === 0) work.push(requests.reveal());
    if (now.round % 3 === 0) work.push(requests.erase());
    if (!(await endInTime(work))) {
      tally.found(`round ${now.round} did not end in ${maxRoundMs / 60_000} minutes`);
      return;
    }
    // sometimes the next round meets Postgres while it is down
    if (crashes.isUnderWay() && prng.below(3) > 0) await crashes.ended();
  }
}
