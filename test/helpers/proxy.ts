import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of Postgres, for faults of the network that Postgres has no command for. */
export interface Proxy {
  port: number;
  /** Resets every open connection, without a word from Postgres. */
  reset: () => void;
  /** Resets every open and every new connection, until it is called with false. */
  refuse: (isRefusing: boolean) => void;
  /** How many connections it refused. */
  refused: () => number;
  close: () => Promise<void>;
}

/** Listens on a port of its own and passes on to `port` on this machine. */
export async function startProxy(port: number): Promise<Proxy> {
  const open = new Set<Socket>();
  let isRefusing = false;
  let refused = 0;
  const server = createServer((client) => {
    if (isRefusing) {
      refused += 1;
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const reset = () => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    reset,
    refuse: (isOn) => {
      isRefusing = isOn;
      if (isOn) reset();
    },
    refused: () => refused,
    close: async () => {
      reset();
      server.close();
      await once(server, 'close');
    },
  };
}
