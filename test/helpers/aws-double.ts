import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { vi } from 'vitest';

/** A request as AWS's JSON protocol carries it: the action's name and its parameters. */
export interface AwsRequest {
  action: string;
  parameters: Record<string, unknown>;
}

/** A response: `__type` names the exception where the status is not 200. Null: hang up instead. */
export type AwsResponse = { status: number; body: Record<string, unknown> } | null;

export interface AwsDouble {
  url: string;
  /** Every request so far, retries included. */
  requests: AwsRequest[];
  /** What to answer from now on. */
  answer: (request: AwsRequest) => AwsResponse;
  close: () => Promise<void>;
}

/** An HTTP server in the place of AWS, and the environment that sends the SDK's clients there. */
export async function startAwsDouble(): Promise<AwsDouble> {
  const server = createServer((request, response) => {
    void respond(request, response);
  });
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readBody(request);
    const received: AwsRequest = {
      action: String(request.headers['x-amz-target']),
      parameters: JSON.parse(text) as Record<string, unknown>,
    };
    double.requests.push(received);
    const answer = double.answer(received);
    if (answer === null) {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(answer.body));
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv('AWS_ENDPOINT_URL', url);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');

  const double: AwsDouble = {
    url,
    requests: [],
    answer: () => ({ status: 500, body: {} }),
    close: async () => {
      vi.unstubAllEnvs();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return double;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
