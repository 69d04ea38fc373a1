import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { vi } from 'vitest';

/** An HTTP server on a free port of this machine. */
export interface LoopbackServer {
  origin: string;
  /** Ends its connections too. */
  close: () => Promise<void>;
}

export async function startLoopbackServer(
  respond: (request: IncomingMessage, response: ServerResponse) => Promise<unknown>,
): Promise<LoopbackServer> {
  const server = createServer((request, response) => void respond(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Starts such a server in the place of AWS, and sends the SDK's clients there until it is closed. */
export async function startInPlaceOfAws(
  ...parameters: Parameters<typeof startLoopbackServer>
): Promise<LoopbackServer> {
  const { origin, close } = await startLoopbackServer(...parameters);
  vi.stubEnv('AWS_ENDPOINT_URL', origin);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  return {
    origin,
    close: () => {
      vi.unstubAllEnvs();
      return close();
    },
  };
}
