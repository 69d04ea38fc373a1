import { text as readText } from 'node:stream/consumers';

import { startLoopbackServer } from './loopback-server.ts';

/** What a signed URL was asked. */
export interface VaultRequest {
  tokens: string[];
  values: string[];
  reason: string;
  /** Of requests about approvals. */
  action?: string;
  id?: string;
  digest?: string;
  approval?: string;
}

/** The signed URLs and STS over HTTP, for commands in their own process. */
export interface VaultServer {
  environment: Record<string, string>;
  /** To pass as `--url`. */
  url: string;
  /** The requests to the URLs, in order. */
  asked: VaultRequest[];
  /** Answers a request with a status and a JSON body; by default reveals every token. */
  answer: (request: VaultRequest) => [number, unknown] | Promise<[number, unknown]>;
  /** The ARN that STS gives; null where it refuses. */
  arn: string | null;
  close: () => Promise<void>;
}

/** Reveals every token of the request, to a text made of it. */
export function revealAll({ tokens }: VaultRequest): [number, unknown] {
  const revealed = tokens.map((token) => ({ token, kind: 'ip', value: `value of ${token}` }));
  return [200, { requestId: 'r', revealed, missing: [] }];
}

/** Listens on a port of its own. */
export async function startVaultServer(): Promise<VaultServer> {
  const answerTo = async (path: string, body: string): Promise<[number, string]> => {
    if (path === '/') {
      const { arn } = server;
      return arn === null ? [403, '<ErrorResponse/>'] : [200, `<R><Arn>${arn}</Arn></R>`];
    }
    const request = JSON.parse(body) as VaultRequest;
    server.asked.push(request);
    const [status, answer] = await server.answer(request);
    return [status, JSON.stringify(answer)];
  };
  const { origin, close } = await startLoopbackServer(async (request, response) => {
    const [status, body] = await answerTo(request.url ?? '', await readText(request));
    response.writeHead(status).end(body);
  });
  const server: VaultServer = {
    environment: {
      AWS_ENDPOINT_URL: origin,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    },
    url: 'https://someid.lambda-url.eu-west-1.on.aws/',
    asked: [],
    answer: revealAll,
    arn: 'arn:aws:iam::000000000000:user/grace',
    close,
  };
  return server;
}
