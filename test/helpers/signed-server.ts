import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request that reached the server, and whether its signature is right. */
export interface ReceivedRequest {
  path: string;
  headers: Record<string, string>;
  body: unknown;
  isSigned: boolean;
}

export interface SignedServer {
  endpoint: string;
  received: ReceivedRequest[];
  /** Answers the requests to come, one after the other; the last one stays. */
  answers: ((response: ServerResponse) => void)[];
  close(): void;
}

/** Starts an HTTP server that checks each request's signature against this secret key. */
export async function startSignedServer(secretAccessKey: string): Promise<SignedServer> {
  const started: SignedServer = { endpoint: '', received: [], answers: [], close: () => undefined };
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request);
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const path = request.url ?? '';
    const isSigned = isRightlySigned({ path, headers, body }, secretAccessKey);
    started.received.push({ path, headers, body: JSON.parse(body) as unknown, isSigned });
    const { answers } = started;
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(response);
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(started, {
    endpoint: `http://127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  });
}

/** An answer with this status and JSON body. */
export function answering(status: number, body: unknown): SignedServer['answers'][number] {
  return (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** A connection that breaks in the place of an answer. */
export const breaking: SignedServer['answers'][number] = (response) => response.destroy();

/** Checks Signature Version 4 by the steps of the IAM User Guide, apart from any AWS library. */
function isRightlySigned(
  { path, headers, body }: { path: string; headers: Record<string, string>; body: string },
  secretAccessKey: string,
): boolean {
  const given =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/;
  const [, scope = '', names = '', signature] = given.exec(headers['authorization'] ?? '') ?? [];
  const signed = names.split(';');
  // an attacker could otherwise send the same signature elsewhere, or at another time
  if (!['host', 'x-amz-date'].every((name) => signed.includes(name))) return false;
  const canonical = [
    'POST',
    path,
    '',
    ...signed.map((name) => `${name}:${headers[name]?.trim()}`),
    '',
    names,
    sha256(body),
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<Buffer | string>(hmac, `AWS4${secretAccessKey}`);
  return hmac(key, toSign).toString('hex') === signature;
}

function sha256(value: string): string {
  return createHash('sha256').update(value).digest('hex');
}

function hmac(key: Buffer | string, value: string): Buffer {
  return createHmac('sha256', key).update(value).digest();
}
