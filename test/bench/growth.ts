import type { TestDatabase } from '../helpers/database.ts';
import { type Cluster, withDatabase } from './cluster.ts';
import { connect, type Place } from './connect.ts';
import { type Context, createNumbers } from './context.ts';
import { fill } from './fill.ts';
import { addCosts, type Costs, costsColumns, costsRow, noCosts } from './profile.ts';
import { ratios, rotate, type Spread, spread } from './statistics.ts';
import { createStore, type Store } from './store.ts';
import { type Figure, number, type PartResult, type Table, withSpread } from './table.ts';
import { type BatchPlan, newValues, valuesPerMessage } from './workload.ts';

const held = 5_000;
const smallest = valuesPerMessage * held;
const plan = { size: 1_000, newShare: 0.5, held };
const batches = 5;
// a message brings one new value, which changes one page of the index: enough to change nearly all of its pages
const messagesToWarmUp = (values: number) => values / 50;

export interface GrowthPoint {
  values: number;
  /** Of the first messages after a checkpoint. */
  first: Throughput;
  throughput: Spread;
  /** To the smallest vault, in the same round. */
  ratio: Spread;
  /** Bytes of the write-ahead log for a message. */
  wal: Spread;
  /** Of all rounds. */
  costs: Costs;
  /** Pages for a message that were not in Postgres's buffers. */
  misses: number;
}

interface Throughput {
  /** Messages a second. */
  perSecond: number;
  /** Bytes of the write-ahead log for a message. */
  wal: number;
}

/**
 * Throughput into vaults of different sizes, in turns. After a checkpoint, Postgres logs each page whole
 * when it is first changed. A large index has many pages, so this is measured by itself, and what counts
 * is the throughput after it.
 */
export async function growth(context: Context): Promise<PartResult> {
  const { cluster, workers, quick, say } = context;
  const sizes = quick ? [smallest, 1_000_000] : [smallest, 100_000, 1_000_000, 10_000_000];
  const rounds = quick ? 5 : 15;
  const places: Place[] = [];
  for (const values of sizes) {
    say(`growth: filling a vault with ${number(values)} values`);
    places.push(await filled(cluster, values));
  }
  await workers.open(places);
  const databases = places.map(connect);
  const stores: Store[] = [];
  for (const database of databases) stores.push(await createStore(workers, database));
  const numbers = createNumbers(held);

  const ingest = async (
    n: number,
    count = batches,
    costs: Costs = noCosts(),
  ): Promise<Throughput> => {
    const plans = Array.from({ length: count }, (): BatchPlan => {
      return { ...plan, firstNew: numbers(newValues(plan)) };
    });
    const before = await walPosition(databases[n]!);
    const each = places.map(() => plans);
    const perSecond = await addCosts(costs, databases[n]!, () =>
      stores[n]!.measure('ingest', each, n),
    );
    const written = (await walPosition(databases[n]!)) - before;
    return { perSecond, wal: written / (count * plan.size) };
  };

  const first: Throughput[] = [];
  for (const [n, values] of sizes.entries()) {
    // the first batch of a container is slower than others
    await ingest(n, 1);
    await databases[n]!.admin.query('checkpoint');
    first.push(await ingest(n));
    for (let stored = 0; stored < messagesToWarmUp(values); stored += batches * plan.size) {
      await ingest(n);
    }
  }
  const measured = sizes.map((): Throughput[] => []);
  const costs = sizes.map(noCosts);
  const missesBefore = await pageMisses(databases);
  for (let round = 0; round < rounds; round += 1) {
    for (const n of rotate([...sizes.keys()], round)) {
      measured[n]!.push(await ingest(n, batches, costs[n]));
    }
  }
  const misses = await pageMisses(databases);
  await workers.close();
  for (const database of databases) await database.drop();
  for (const place of places) await cluster.drop(place);

  const points = sizes.map((values, n): GrowthPoint => {
    const all = rates(measured[n]!);
    return {
      values,
      first: first[n]!,
      throughput: spread(all),
      ratio: spread(ratios(all, rates(measured[0]!))),
      wal: spread(measured[n]!.map(({ wal }) => wal)),
      costs: costs[n]!,
      misses: (misses[n]! - missesBefore[n]!) / costs[n]!.messages,
    };
  });
  return {
    tables: [
      {
        title: 'Ingest as the vault grows: batches of 1 000, half of the values new',
        columns: [
          'values in the vault',
          'messages a second',
          `÷ ${number(smallest)} values`,
          'bytes of WAL a message',
          'right after a checkpoint',
          'bytes of WAL a message',
        ],
        rows: points.map((point) => [
          number(point.values),
          withSpread(point.throughput),
          withSpread(point.ratio, 2),
          number(point.wal.median),
          number(point.first.perSecond),
          number(point.first.wal),
        ]),
      },
    ],
    figures: [{ ...figure(points.at(-1)!), profile: profile([points[0]!, points.at(-1)!]) }],
    data: points,
  };
}

function rates(measured: readonly Throughput[]): number[] {
  return measured.map((each) => each.perSecond);
}

function profile(points: readonly GrowthPoint[]): Table {
  return {
    title:
      'For a message: microseconds of computing, those that pass, pages not in the buffers, and bytes of WAL',
    columns: ['values in the vault', ...costsColumns, 'pages read', 'WAL'],
    rows: points.map(({ values, costs, misses, wal }) => [
      number(values),
      ...costsRow(costs),
      number(misses, 2),
      number(wal.median),
    ]),
  };
}

/** Pages that each database has read from the system since it began. */
async function pageMisses(databases: readonly TestDatabase[]): Promise<number[]> {
  const misses: number[] = [];
  for (const { admin } of databases) {
    const { rows } = await admin.query<{ pages: string }>(
      'select blks_read as pages from pg_stat_database where datname = current_database()',
    );
    misses.push(Number(rows[0]!.pages));
  }
  return misses;
}

async function walPosition({ admin }: TestDatabase): Promise<number> {
  const { rows } = await admin.query<{ bytes: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`,
  );
  return Number(rows[0]!.bytes);
}

function figure({ values, ratio }: GrowthPoint): Figure {
  return {
    what: `throughput with ${number(values)} values, against ${number(smallest)}`,
    must: '≥ 0.8 (10 000 000 in the full run)',
    measured: withSpread(ratio, 2),
    holds: ratio.median >= 0.8,
  };
}

async function filled(cluster: Cluster, values: number): Promise<Place> {
  const place = await cluster.create(held);
  await withDatabase(place, (database) => fill(database, values));
  return place;
}
