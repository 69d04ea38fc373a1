import { expireValues } from '../../db/expire-values.ts';
import { writeRetention } from '../../db/write-retention.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { withDatabase } from './cluster.ts';
import { type Context, createNumbers } from './context.ts';
import { ratios, rotate, type Spread, spread } from './statistics.ts';
import { createStore } from './store.ts';
import { type Figure, number, type PartResult, withSpread } from './table.ts';
import type { WayName } from './ways.ts';
import { type BatchPlan, newValues } from './workload.ts';

const held = 50_000;
const size = 1_000;

/** What the options for privacy cost: ingest with networks, and beside a round that deletes old values. */
export async function privacy(context: Context): Promise<PartResult> {
  const networks = await withNetworks(context);
  const expiry = await whileExpiring(context);
  return {
    tables: [
      {
        title: 'Ingest with networkTokens, messages a second; batches of 1 000',
        columns: ['new', 'without', 'with', 'with ÷ without'],
        rows: networks.map(({ newShare, without, with: on, ratio }) => [
          `${newShare * 100} %`,
          withSpread(without),
          withSpread(on),
          withSpread(ratio, 2),
        ]),
      },
      {
        title: 'Ingest while a round of maintain deletes old values; batches of 1 000, half new',
        columns: ['', 'messages a second', 'slowest batch, ms'],
        rows: [
          ['before the round', withSpread(expiry.before), number(expiry.slowestBefore)],
          ['during it', withSpread(expiry.during), number(expiry.slowestDuring)],
        ],
      },
    ],
    figures: [
      ...networks.map(({ newShare, ratio }): Figure => {
        return {
          what: `ingest with networks, ${newShare * 100} % of the values new`,
          must: '≥ 0.85 of ingest without',
          measured: withSpread(ratio, 2),
          holds: ratio.median >= 0.85,
        };
      }),
      {
        what: `${number(expiry.expired)} values expire in one round, ingest running`,
        must: '1 000 000, and no batch waits 1 s',
        measured: `${number(expiry.seconds, 1)} s; slowest batch ${number(expiry.slowestDuring)} ms`,
        holds: expiry.expired >= 1_000_000 && expiry.slowestDuring < 1_000,
      },
    ],
    data: { networks, expiry },
  };
}

interface NetworksCell {
  newShare: number;
  without: Spread;
  with: Spread;
  /** In the same round. */
  ratio: Spread;
}

async function withNetworks(context: Context): Promise<NetworksCell[]> {
  const { cluster, workers, quick } = context;
  const names: WayName[] = ['ingest', 'networks'];
  const cells: NetworksCell[] = [];
  for (const newShare of quick ? [0.5] : [0.05, 0.5, 1]) {
    const measured = new Map(names.map((name) => [name, [] as number[]]));
    const numbers = createNumbers(held);
    const place = await cluster.create(held);
    await workers.open([place]);
    await withDatabase(place, async (database) => {
      const store = await createStore(workers, database);
      for (let round = -2; round < (quick ? 5 : 15); round += 1) {
        for (const name of rotate(names, round + 2)) {
          const plans = Array.from({ length: 5 }, (): BatchPlan => {
            return { size, newShare, firstNew: numbers(newValues({ size, newShare })), held };
          });
          const messagesPerSecond = await store.throughput(name, [plans]);
          if (round >= 0) measured.get(name)!.push(messagesPerSecond);
        }
      }
    });
    await workers.close();
    await cluster.drop(place);
    const without = measured.get('ingest')!;
    const on = measured.get('networks')!;
    const cell = {
      newShare,
      without: spread(without),
      with: spread(on),
      ratio: spread(ratios(on, without)),
    };
    context.say(
      `privacy: networks, ${newShare * 100} % new: ${withSpread(cell.ratio, 2)} of ingest without`,
    );
    cells.push(cell);
  }
  return cells;
}

interface Expiry {
  expired: number;
  seconds: number;
  /** Messages a second. */
  before: Spread;
  during: Spread;
  /** Milliseconds. */
  slowestBefore: number;
  slowestDuring: number;
}

async function whileExpiring({ cluster, workers, quick, say }: Context): Promise<Expiry> {
  const old = quick ? 20_000 : 1_000_000;
  const numbers = createNumbers(held);
  const place = await cluster.create(held);
  await workers.open([place]);
  const batch = async (): Promise<number> => {
    const plan = { size, newShare: 0.5, held, firstNew: numbers(size) };
    return (await workers.measure('ingest', [[plan]])).wallMs;
  };
  try {
    return await withDatabase(place, async (database) => {
      say(`privacy: filling a vault with ${number(old)} old values, and as many young ones`);
      await fillOld(database, old);
      for (let n = 0; n < 5; n += 1) await batch();
      const before: number[] = [];
      for (let n = 0; n < 30; n += 1) before.push(await batch());

      await writeRetention(database.admin, 90);
      const start = performance.now();
      const state = { isOver: false };
      const round = expireValues(database.as('vault_maintain')).finally(
        () => (state.isOver = true),
      );
      const during: number[] = [];
      do during.push(await batch());
      while (!state.isOver);
      const expired = await round;
      const seconds = (performance.now() - start) / 1_000;
      return {
        expired,
        seconds,
        before: perSecond(before),
        during: perSecond(during),
        slowestBefore: Math.max(...before),
        slowestDuring: Math.max(...during),
      };
    });
  } finally {
    await workers.close();
    await cluster.drop(place);
  }
}

/** Messages a second, by the milliseconds of each batch. */
function perSecond(times: readonly number[]): Spread {
  return spread(times.map((ms) => (size / ms) * 1_000));
}

/** Values that were collected long ago, and as many of today between them. */
async function fillOld({ admin }: TestDatabase, count: number): Promise<void> {
  await admin.query(
    `insert into vault.pii_vault (token, kind, ciphertext, data_key_id, created_at)
     select substr(sha256(n::text::bytea), 1, 20), 'ip', sha256((-n)::text::bytea),
       (select id from vault.data_keys limit 1),
       now() - case when n % 2 = 0 then interval '91 days' else interval '0' end
     from generate_series(1, 2 * $1::integer) as n`,
    [count],
  );
  await admin.query('vacuum analyze vault.pii_vault');
  await admin.query('checkpoint');
}
