import { beforeAll, describe, expect, it } from 'vitest';

import { type Outage, runOutage } from './outage.ts';

const isLong = process.env['FAULTS'] === 'long';
const setting = isLong ? { scale: 2_000, deadly: 12 } : { scale: 20_000, deadly: 4 };

describe(`a day without a database at 1 000 messages a second, divided by ${setting.scale}`, () => {
  let outage: Outage;
  beforeAll(async () => {
    outage = await runOutage(setting);
    if (isLong) console.log(report(outage));
  }, 900_000);

  it('ends with every message stored once, without anybody’s hand', () => {
    expect(outage.lost).toEqual([]);
    expect(outage.stored).toBe(outage.sent - setting.deadly);
    expect(outage.wrong).toBe(0);
  });

  it('leaves nothing in the dead letters but what kills its container', () => {
    const ids = outage.deadLetters.map(({ attributes }) => attributes?.['sourceMessageId'] ?? '');
    expect(ids.toSorted()).toEqual(outage.deadlyIds.toSorted());
    const reasons = new Set(outage.deadLetters.map(({ attributes }) => attributes?.['reason']));
    expect([...reasons]).toEqual(['crashes_ingest']);
  });

  it('puts that aside within an hour in which containers could work', () => {
    expect(outage.slowestIsolation).toBeLessThanOrEqual(3600);
  });

  it('delivers no message more often than the visibility timeout allows', () => {
    // 25 hours of six minutes each, and what a message that kills adds
    expect(outage.maxReceives).toBeGreaterThan(240);
    expect(outage.maxReceives).toBeLessThan(270);
  });

  it('tries few connections, and says rarely that they fail', () => {
    expect(outage.callsInOutage).toBeGreaterThan(0);
    expect(outage.connectionsInOutage).toBeLessThanOrEqual(2 * outage.callsInOutage);
    expect(outage.saidAway).toBeLessThanOrEqual(4 + outage.deaths);
  });
});

function report(outage: Outage): string {
  return [
    `sent                          ${outage.sent}, of which kill their container ${outage.deadlyIds.length}`,
    `stored                        ${outage.stored}`,
    `dead letters                  ${outage.deadLetters.length}`,
    `given up by the queue         ${outage.lost.length}`,
    `most deliveries of a message  ${outage.maxReceives}`,
    `containers that died          ${outage.deaths}`,
    `slowest isolation             ${outage.slowestIsolation} s`,
    `calls while away              ${outage.callsInOutage}`,
    `connections refused           ${outage.connectionsInOutage}`,
    `log lines about it            ${outage.saidAway}`,
    `after the outage, drained in  ${outage.drained} s`,
    `time                          ${outage.seconds.toFixed(0)} s`,
  ].join('\n');
}
