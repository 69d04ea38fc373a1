import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Where a connection to Postgres breaks, as seen from its client. */
export const connectionFaults = [
  /** Between two statements. */
  'reset while idle',
  /** Between two statements; the next connection is refused. */
  'refused',
  /** Before a byte of the statement has left. */
  'reset before the statement',
  /** Half of the statement has arrived. */
  'reset mid statement',
  /** The statement has arrived and runs; whether it commits is not known. */
  'reset under the statement',
  /** The statement has ended; its answer is lost. */
  'answer lost',
  /** Half of the answer has arrived. */
  'reset mid answer',
  /** Nothing arrives any more, and nobody says so. */
  'silence',
] as const;

export type ConnectionFault = (typeof connectionFaults)[number];

/** A TCP proxy in front of Postgres that knows where in a statement its connection is. */
export interface FaultyProxy {
  port: number;
  /**
   * Breaks the next connections or statements, `times` of them, once `after` statements have
   * passed; `met` is called each time.
   */
  arm: (fault: ConnectionFault, times: number, met: () => void, after?: number) => void;
  /** Breaks nothing any more. */
  disarm: () => void;
  /** Resets every open connection. */
  reset: () => void;
  close: () => Promise<void>;
}

interface Armed {
  fault: ConnectionFault;
  left: number;
  met: () => void;
  /** Statements that pass before. */
  after: number;
}

interface Pair {
  client: Socket;
  upstream: Socket;
  /** Whether the connection is open for statements: Postgres said so. */
  ready: boolean;
  /** The fault that this pair's current statement meets. */
  fault: ConnectionFault | null;
}

/** Listens on a port of its own and passes on to `port` on this machine. */
export async function startFaultyProxy(port: number): Promise<FaultyProxy> {
  const pairs = new Set<Pair>();
  const sockets = new Set<Socket>();
  let armed: Armed | null = null;

  const meet = (fault: ConnectionFault): void => {
    if (armed?.fault !== fault) return;
    armed.met();
    armed.left -= 1;
    if (armed.left === 0) armed = null;
  };
  const nextFault = (): ConnectionFault | null => {
    if (armed === null) return null;
    if (armed.after > 0) {
      armed.after -= 1;
      return null;
    }
    const { fault } = armed;
    meet(fault);
    return fault;
  };
  const fromClient = (pair: Pair, chunk: Buffer): void => {
    if (pair.ready) {
      // the statement's first bytes
      pair.ready = false;
      pair.fault = nextFault();
      if (pair.fault === 'reset before the statement') return cut(pair);
      if (pair.fault === 'reset mid statement') {
        pair.upstream.write(chunk.subarray(0, chunk.length / 2), () => cut(pair));
        return undefined;
      }
      if (pair.fault === 'reset under the statement') setTimeout(() => cut(pair), 4);
    }
    if (pair.fault !== 'silence') pair.upstream.write(chunk);
    return undefined;
  };
  const fromServer = (pair: Pair, chunk: Buffer): void => {
    if (pair.fault === 'answer lost') return cut(pair);
    if (pair.fault === 'reset mid answer') {
      pair.client.write(chunk.subarray(0, chunk.length / 2), () => cut(pair));
      return undefined;
    }
    if (pair.fault === 'silence') return undefined;
    pair.ready = isReadyForQuery(chunk);
    pair.client.write(chunk);
    return undefined;
  };

  const server = createServer((client) => {
    if (armed?.fault === 'refused') {
      meet('refused');
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const pair: Pair = {
      client,
      upstream: connect(port, '127.0.0.1'),
      ready: false,
      fault: null,
    };
    pairs.add(pair);
    client.on('data', (chunk: Buffer) => fromClient(pair, chunk));
    pair.upstream.on('data', (chunk: Buffer) => fromServer(pair, chunk));
    for (const [socket, other] of [
      [client, pair.upstream],
      [pair.upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('end', () => {
        if (pair.fault !== 'silence' || socket === client) other.end();
      });
      socket.on('close', () => {
        sockets.delete(socket);
        if (pair.fault === 'silence' && socket !== client) return;
        pairs.delete(pair);
        other.destroySoon();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const reset = () => {
    for (const pair of pairs) cut(pair);
  };
  return {
    port: (server.address() as AddressInfo).port,
    arm: (fault, times, met, after = 0) => {
      if (fault === 'reset while idle' || fault === 'refused') {
        if (pairs.size > 0) reset();
        if (fault === 'reset while idle') {
          met();
          return;
        }
      }
      armed = { fault, left: times, met, after };
    },
    disarm: () => {
      armed = null;
    },
    reset,
    close: async () => {
      for (const socket of sockets) socket.resetAndDestroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function cut({ client, upstream }: Pair): void {
  client.resetAndDestroy();
  upstream.resetAndDestroy();
}

/** Whether the last message is `ReadyForQuery`: Z, a length of five, and the transaction's state. */
function isReadyForQuery(chunk: Buffer): boolean {
  return chunk.length >= 6 && chunk.at(-6) === 0x5a && chunk.readUInt32BE(chunk.length - 5) === 5;
}
