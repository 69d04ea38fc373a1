import type { DatabaseConfig } from '../../lib/config.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { testPassword } from '../helpers/postgres.ts';
import { type Call, createCall } from './call.ts';
import type { HandlerFault } from './handler-faults.ts';
import { type Container, startContainer } from './container.ts';
import { createHost, type HostDeps } from './container-host.ts';
import { prepareProcessContainers } from './process-container.ts';

/** A container, which is given one call at a time. */
export interface Slot {
  container: Container;
  begin: (fault: HandlerFault | null) => Call;
}

/** Where containers come from. */
export interface Slots {
  /** Starts one, in a process of its own or in this one. */
  open: (isProcess: boolean) => Promise<Slot>;
  /** Removes the program of those that are processes. */
  remove: () => Promise<void>;
}

interface Deps extends HostDeps {
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
      const host = createHost(() => underWay, deps);
      const container = isProcess
        ? await processes.start(`process ${opened}`, place, host)
        : await startContainer(`container ${opened}`, place, host);
      const kill = () => {
        if (isProcess) tally.met('process killed');
        container.kill();
      };
      return {
        container,
        begin: (fault) => {
          underWay = createCall(fault, kill);
          return underWay;
        },
      };
    },
    remove: processes.remove,
  };
}
