import type { TestDatabase } from '../helpers/database.ts';
import { type Counts, countRows } from './cluster.ts';
import type { WayName } from './ways.ts';
import type { Workers } from './workers.ts';
import { type BatchPlan, newValues } from './workload.ts';

/** Stores batches and throws unless exactly their rows were added. */
export interface Store {
  /** Each worker has batches of its own; `only` one of them stores, if given. */
  measure: (way: WayName, plans: readonly BatchPlan[][], only?: number) => Promise<Stored>;
  /** As `measure`, messages a second. */
  throughput: (way: WayName, plans: readonly BatchPlan[][], only?: number) => Promise<number>;
}

/** What storing gave. */
interface Stored {
  messages: number;
  /** Messages a second. */
  perSecond: number;
  /** What the workers computed, together. */
  handlerMs: number;
}

export async function createStore(workers: Workers, database: TestDatabase): Promise<Store> {
  let before = await countRows(database);
  const measure: Store['measure'] = async (way, plans, only) => {
    const { wallMs, handlerMs } = await workers.measure(way, plans, only);
    const stored = plans.filter((_, n) => only === undefined || only === n).flat();
    const messages = stored.reduce((sum, { size }) => sum + size, 0);
    const now = await countRows(database);
    verify(before, now, rowsOf(way, stored, messages));
    before = now;
    return { messages, perSecond: (messages / wallMs) * 1_000, handlerMs };
  };
  return {
    measure,
    throughput: async (...run) => (await measure(...run)).perSecond,
  };
}

function rowsOf(way: WayName, plans: readonly BatchPlan[], logins: number): Counts {
  if (way === 'script') return { messages: 0, logins, values: 0 };
  // plans that begin with the same new value bring the same ones
  const distinct = new Map(plans.map((plan) => [plan.firstNew, newValues(plan)]));
  return { messages: logins, logins, values: [...distinct.values()].reduce((a, b) => a + b, 0) };
}

function verify(before: Counts, now: Counts, added: Counts): void {
  for (const name of ['messages', 'logins', 'values'] as const) {
    const rows = now[name] - before[name];
    if (rows !== added[name]) {
      throw new Error(`${name}: ${rows} rows were added instead of ${added[name]}`);
    }
  }
}
