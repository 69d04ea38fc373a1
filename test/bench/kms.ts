import { createSealingKeys } from '../../lib/crypto/data-key.ts';
import { ingest } from '../../lib/ingest/ingest.ts';
import { createKmsDouble } from '../../scripts/local/kms-double.ts';
import { ingestDeps } from '../helpers/vault.ts';
import { type BatchCost, batchSize, bill, kmsCalls, total, withCallPerValue } from './bill.ts';
import { withDatabase } from './cluster.ts';
import type { Context } from './context.ts';
import { sharedKms } from './keys.ts';
import { prices, suppositions } from './prices.ts';
import { percentile } from './statistics.ts';
import { number, type PartResult, type Table } from './table.ts';
import { makeBatch, valuesPerMessage } from './workload.ts';
import { hourMs } from '../../lib/time.ts';

const { containers } = suppositions;
const hours = 24;
const volumes = [1, 100, 1_000];
const held = 50_000;
/** As the part `bytes` measures them. */
const rowBytes = { value: 232, ledger: 99, login: 170 };

/** KMS calls counted over a simulated day, and the month's bill beside that of a call per value. */
export async function kms(context: Context): Promise<PartResult> {
  const day = await simulateDay(context);
  const perContainerHour = day.GenerateDataKey / (containers * hours);
  const perContainer = day.GenerateMac / containers;
  const calls = kmsCalls(perContainerHour, perContainer);
  const costs = await batchCosts(context);
  return {
    tables: [
      {
        title: `KMS calls of ${containers} containers in ${hours} hours, a batch of 10 messages each minute (${number(day.messages)} messages)`,
        columns: ['', 'calls', 'a container and hour'],
        rows: [
          ['GenerateDataKey', day.GenerateDataKey, number(perContainerHour, 2)],
          ['GenerateMac', day.GenerateMac, number(day.GenerateMac / (containers * hours), 2)],
          ['Decrypt', day.Decrypt, '0.00'],
        ],
      },
      {
        title: `KMS calls for a million messages, ${containers} containers always warm, each replaced after ${suppositions.containerHours} hours`,
        columns: ['messages a month', 'calls for a million', 'one call a value'],
        rows: volumes.map((millions) => [
          `${number(millions)} M`,
          number(calls / millions, 1),
          number(2_000_000),
        ]),
      },
      billTable(costs, calls),
    ],
    figures: [
      {
        what: 'KMS calls',
        must: '≤ 1 GenerateMac and 1 GenerateDataKey a container and hour',
        measured: `${number(day.GenerateMac / (containers * hours), 2)} and ${number(perContainerHour, 2)}`,
        holds: perContainerHour <= 1 && perContainer <= hours && day.Decrypt === 0,
      },
    ],
    data: { day, calls, costs },
  };
}

function billTable(costs: readonly BatchCost[], calls: number): Table {
  const bills = volumes.map((millions, n) => bill(millions, costs[n]!, calls, rowBytes));
  const perValue = bills.map((lines, n) => withCallPerValue(lines, volumes[n]!));
  const factor = bills.map((lines, n) => total(perValue[n]!) / total(lines));
  return {
    title: `The month's bill in US dollars (${prices.region}, list prices as of ${prices.asOf}, to be checked; suppositions in prices.ts)`,
    columns: ['', ...volumes.map((millions) => `${number(millions)} M messages`)],
    rows: [
      row(
        'Messages a batch',
        costs.map(({ size }) => size),
        0,
      ),
      ...bills[0]!.map(({ what }, line) =>
        row(
          what,
          bills.map((lines) => lines[line]!.dollars),
        ),
      ),
      row('Together', bills.map(total)),
      row('With one KMS call a value', perValue.map(total)),
      row('which is so many times as much', factor, 1),
    ],
  };
}

function row(what: string, dollars: readonly number[], digits = 2): string[] {
  return [what, ...dollars.map((each) => number(each, digits))];
}

interface Day extends Counted {
  messages: number;
}

type Counted = ReturnType<typeof createKmsDouble>['calls'];

/** Containers on a clock of their own; what they would write is not written. */
async function simulateDay({ cluster }: Context): Promise<Day> {
  const double = createKmsDouble();
  const place = await cluster.create(0);
  const messages = await withDatabase(place, async (database) => {
    let now = 0;
    let sent = 0;
    const fleet = Array.from({ length: containers }, () => ({
      ...ingestDeps(database, double),
      // it would ask by keys on another clock
      readiness: { fault: async () => null, doubt: () => undefined },
      keys: createSealingKeys(double, () => now),
      write: async () => ({ stored: 10, sealed: 20 }),
    }));
    for (; now < hours * hourMs; now += 60_000) {
      for (const deps of fleet) {
        const batch = makeBatch({ size: 10, newShare: 0, firstNew: 0, held });
        await ingest(batch, deps);
        sent += batch.length;
      }
    }
    return sent;
  });
  await cluster.drop(place);
  return { messages, ...double.calls };
}

/** What one batch costs at the batch sizes of the volumes. */
async function batchCosts({ cluster, quick }: Context): Promise<BatchCost[]> {
  const place = await cluster.create(held);
  const costs = await withDatabase(place, async (database) => {
    const deps = ingestDeps(database, sharedKms());
    const wal = async () => {
      const { rows } = await database.admin.query<{ bytes: string }>(
        `select pg_current_wal_insert_lsn() - '0/0' as bytes`,
      );
      return Number(rows[0]!.bytes);
    };
    const measured: BatchCost[] = [];
    let firstNew = held;
    for (const size of volumes.map(batchSize)) {
      const all: BatchCost[] = [];
      for (let n = quick ? -2 : -10; n < (quick ? 5 : 30); n += 1) {
        const batch = makeBatch({ size, newShare: suppositions.newShare, firstNew, held });
        firstNew += valuesPerMessage * size;
        const before = { wal: await wal(), cpu: process.cpuUsage(), time: performance.now() };
        await ingest(batch, deps);
        const wallMs = performance.now() - before.time;
        const cpu = process.cpuUsage(before.cpu);
        const cpuMs = Math.min(wallMs, (cpu.user + cpu.system) / 1_000);
        if (n >= 0) all.push({ size, wallMs, cpuMs, walBytes: (await wal()) - before.wal });
      }
      const median = (of: keyof BatchCost) =>
        percentile(
          all.map((each) => each[of]),
          50,
        );
      const [wallMs, cpuMs, walBytes] = [median('wallMs'), median('cpuMs'), median('walBytes')];
      measured.push({ size, wallMs, cpuMs, walBytes });
    }
    return measured;
  });
  await cluster.drop(place);
  return costs;
}
