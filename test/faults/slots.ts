import type { DatabaseConfig } from '../../lib/config.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { testPassword } from '../helpers/postgres.ts';
import { type Call, createCall } from './call.ts';
import type { Card } from './cards.ts';
import { type Container, startContainer } from './container.ts';
import { createOutside, type OutsideDeps } from './outside.ts';
import { prepareProcessContainers } from './process-container.ts';

/** A container, which is given one call at a time. */
export interface Slot {
  container: Container;
  begin: (card: Card | null) => Call;
}

/** Where containers come from. */
export interface Slots {
  /** Starts one, in a process of its own or in this one. */
  open: (isProcess: boolean) => Promise<Slot>;
  /** Removes the program of those that are processes. */
  remove: () => Promise<void>;
}

interface Deps extends OutsideDeps {
  database: TestDatabase;
}

export async function prepareSlots(deps: Deps): Promise<Slots> {
  const { database, tally } = deps;
  const processes = await prepareProcessContainers();
  const place: DatabaseConfig = {
    host: '127.0.0.1',
    port: database.port,
    database: database.name,
    user: 'vault_ingest',
    password: testPassword,
    tls: false,
  };
  let opened = 0;
  return {
    open: async (isProcess) => {
      opened += 1;
      let underWay: Call | null = null;
      const outside = createOutside(() => underWay, deps);
      const container = isProcess
        ? await processes.start(`process ${opened}`, place, outside)
        : await startContainer(`container ${opened}`, place, outside);
      const kill = () => {
        if (isProcess) tally.met('process killed');
        container.kill();
      };
      return {
        container,
        begin: (card) => {
          underWay = createCall(card, kill);
          return underWay;
        },
      };
    },
    remove: processes.remove,
  };
}
