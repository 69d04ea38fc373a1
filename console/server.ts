import { once } from 'node:events';
import { createAdaptorServer } from '@hono/node-server';

import { createApp } from './app.ts';
import { launchPath } from './guard.ts';
import { createSession } from './session.ts';
import type { ConsoleVault } from './vault.ts';

/** A console that listens. */
export interface RunningConsole {
  /** Opens the console once, in one browser. It holds the launch token: show it to the person only. */
  url: string;
  close: () => Promise<void>;
}

/** Starts the console on 127.0.0.1, on this port or, with 0, on a free one. Throws what `listen` throws. */
export async function startConsole(vault: ConsoleVault, port = 0): Promise<RunningConsole> {
  const session = createSession();
  let origin = '';
  const app = createApp(vault, session, () => origin);
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('it has no port');
  origin = `http://127.0.0.1:${address.port}`;
  return {
    url: `${origin}${launchPath}?token=${session.launchToken}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  };
}
