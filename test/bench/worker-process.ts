import { connect } from './connect.ts';
import { openWays, type Way } from './ways.ts';
import type { Order } from './workers.ts';
import { makeBatch } from './workload.ts';

// One container: a process of its own with one connection, which does what the benchmark orders.
let opened: (Awaited<ReturnType<typeof openWays>> & { drop: () => Promise<void> }) | null = null;
let prepared: (() => Promise<void>)[] = [];

/** Returns the milliseconds of computing that a run took. */
async function obey(order: Order): Promise<number> {
  switch (order.do) {
    case 'open': {
      await close();
      const database = connect(order.place);
      opened = { ...(await openWays(order.place, database)), drop: database.drop };
      break;
    }
    case 'prepare': {
      if (opened === null) throw new Error('open comes first');
      const way: Way = opened.ways[order.way];
      prepared = [];
      for (const plan of order.plans) prepared.push(await way(makeBatch(plan)));
      break;
    }
    case 'run': {
      const before = process.cpuUsage();
      for (const batch of prepared) await batch();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    }
    case 'close':
      await close();
      break;
  }
  return 0;
}

async function close(): Promise<void> {
  const last = opened;
  opened = null;
  await last?.close();
  await last?.drop();
}

process.on('message', (order: Order) => {
  obey(order).then(
    (computedMs) => process.send?.({ computedMs }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : 'failed' }),
  );
});

// whoever gave the orders is gone
process.on('disconnect', () => process.exit());
