import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { bundle } from '../helpers/bundle.ts';
import type { Place } from './connect.ts';
import type { WayName } from './ways.ts';
import type { BatchPlan } from './workload.ts';

/** What a worker process can be told to do. */
export type Order =
  | { do: 'open'; place: Place }
  | { do: 'prepare'; way: WayName; plans: BatchPlan[] }
  | { do: 'run' }
  | { do: 'close' };

/** How long a run took. */
export interface Run {
  /** Until the last worker was done. */
  wallMs: number;
  /** What the workers computed, together. */
  handlerMs: number;
}

/** Processes that each stand for one container, as many as were asked for. */
export interface Workers {
  /** Worker n opens the nth place. */
  open: (places: readonly Place[]) => Promise<void>;
  close: () => Promise<void>;
  /** Stores each worker's batches at once, made ready before. */
  measure: (way: WayName, plans: readonly BatchPlan[][], only?: number) => Promise<Run>;
  stop: () => Promise<void>;
}

export async function startWorkers(most: number): Promise<Workers> {
  const code = await bundle(fileURLToPath(new URL('worker-process.ts', import.meta.url)));
  const processes = Array.from({ length: most }, () => fork(code.file, { execArgv: [] }));
  const all = (orders: readonly (Order | null)[]) =>
    Promise.all(orders.map(async (order, n) => (order === null ? 0 : tell(processes[n]!, order))));

  return {
    open: async (places) => {
      await all(places.map((place) => ({ do: 'open', place })));
    },
    close: async () => {
      await all(processes.map(() => ({ do: 'close' })));
    },
    measure: async (way, plans, only) => {
      const chosen = (order: (n: number) => Order) =>
        plans.map((_, n) => (only === undefined || only === n ? order(n) : null));
      await all(chosen((n) => ({ do: 'prepare', way, plans: plans[n]! })));
      const start = performance.now();
      const computed = await all(chosen(() => ({ do: 'run' })));
      const wallMs = performance.now() - start;
      return { wallMs, handlerMs: computed.reduce((sum, each) => sum + each, 0) };
    },
    stop: async () => {
      for (const process of processes) process.disconnect();
      await Promise.all(processes.map(gone));
      await code.remove();
    },
  };
}

function tell(worker: ChildProcess, order: Order): Promise<number> {
  return new Promise((resolve, reject) => {
    const died = () => reject(new Error('a worker ended before it was done'));
    worker.once('exit', died);
    worker.once('message', ({ error, computedMs = 0 }: { error?: string; computedMs?: number }) => {
      worker.off('exit', died);
      if (error === undefined) resolve(computedMs);
      else reject(new Error(`a worker failed: ${error}`));
    });
    worker.send(order);
  });
}

async function gone(worker: ChildProcess): Promise<void> {
  if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit');
}
