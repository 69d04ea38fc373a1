import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  checkAudit,
  checkDeadLetters,
  checkLedger,
  checkLogins,
  checkPlaintext,
  checkRevealable,
  type Revealed,
} from './checks.ts';
import { outcomeOf } from './outcome.ts';
import { report } from './report.ts';
import { expectedFaults, runStorm, type Setting, type Storm } from './storm.ts';

const isLong = process.env['FAULTS'] === 'long';
const seed = Number(process.env['FAULTS_SEED'] ?? randomInt(1_000_000_000));

const setting: Setting = isLong
  ? {
      messages: 100_000,
      batches: [10, 100, 300, 1_000],
      refusedShare: 0.0002,
      newShare: 0.05,
      fsync: true,
      crashEvery: 8,
      silences: 2,
      stormRounds: 600,
      // as stages/default.yml
      maxReceiveCount: 1000,
      say: console.log,
    }
  : {
      messages: 5_000,
      batches: [10, 30, 100],
      refusedShare: 0.001,
      newShare: 0.05,
      fsync: false,
      crashEvery: 20,
      silences: 0,
      stormRounds: 150,
      // so few that the queue moves messages by itself, too
      maxReceiveCount: 5,
      say: () => undefined,
    };

const none = (findings: readonly string[]) => expect(findings, `FAULTS_SEED=${seed}`).toEqual([]);

// the seed sets the messages and the order of the faults; the machine sets their moment
describe(`${setting.messages} messages through every fault (FAULTS_SEED=${seed})`, () => {
  let storm: Storm;
  let revealed: Revealed;
  beforeAll(async () => {
    console.log(`fault suite: FAULTS_SEED=${seed}`);
    storm = await runStorm(seed, setting);
    revealed = await checkRevealable(storm);
    if (isLong) console.log(await report(storm, revealed));
  }, 900_000);
  afterAll(async () => {
    if (isLong && revealed !== undefined) console.log(`\n${await outcomeOf(storm)}\n`);
    await storm?.end();
  });

  it('end with an empty queue, and nothing wrong is seen on the way', () => {
    none([...new Set(storm.findings)]);
    expect(storm.queue.alive()).toBe(0);
  });

  it('are stored once each, where they are valid, as they are', async () => {
    none(await checkLogins(storm));
    none(await checkLedger(storm));
  });

  it('are dead letters with their reason and their body, where they are not', () => {
    none(checkDeadLetters(storm));
  });

  it('leave no token in user_logins that does not open to its value, but the erased', () => {
    none(revealed.findings);
    expect(revealed.revealed).toBeGreaterThan(0);
    expect(revealed.erased).toBeGreaterThan(0);
  });

  it('leave an audit that verifies and holds all that was answered', async () => {
    none(await checkAudit(storm));
  });

  it('leave no plaintext in a table, a file of Postgres or its logs', async () => {
    none(await checkPlaintext(storm));
  });

  it('add nothing when all of them come once more', async () => {
    const valid = storm.messages.filter(({ becomes }) => 'login' in becomes);
    const again = valid.slice(0, 20_000);
    const sealed = async () => {
      const { rows } = await storm.postgres.database.admin.query<{ count: number }>(
        'select count(*)::integer as count from vault.pii_vault',
      );
      return rows[0]!.count;
    };
    const before = await sealed();
    expect(await storm.deliverAgain(again)).toEqual({
      received: again.length,
      stored: 0,
      duplicates: again.length,
      sealed: 0,
    });
    expect(await sealed()).toBe(before);
    none(await checkLogins(storm));
  });

  it('met every fault there is', () => {
    const missed = expectedFaults(setting).filter((fault) => (storm.faults.get(fault) ?? 0) === 0);
    none(missed);
  });
});
