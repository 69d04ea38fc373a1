import { json } from 'node:stream/consumers';

import { startInPlaceOfAws } from './loopback-server.ts';

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
  const { origin, close } = await startInPlaceOfAws(async (request, response) => {
    const received: AwsRequest = {
      action: String(request.headers['x-amz-target']),
      parameters: (await json(request)) as Record<string, unknown>,
    };
    double.requests.push(received);
    const answer = double.answer(received);
    if (answer === null) {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(answer.body));
  });
  const double: AwsDouble = {
    url: origin,
    requests: [],
    answer: () => ({ status: 500, body: {} }),
    close,
  };
  return double;
}
