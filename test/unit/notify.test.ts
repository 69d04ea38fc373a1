import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { approvalTopic } from '../../lib/config.ts';
import { createNotify } from '../../lib/notify.ts';
import { startLoopbackServer } from '../helpers/loopback-server.ts';

const id = '5e0c7f1e-0000-4000-8000-000000000000';
const notice = { event: 'requested', id, tokens: 150 };

let received: { authorization: string; body: URLSearchParams }[];
let status: number;
let server: Awaited<ReturnType<typeof startLoopbackServer>>;
beforeAll(async () => {
  [received, status] = [[], 200];
  server = await startLoopbackServer(async (request, response) => {
    const { authorization = '' } = request.headers;
    received.push({ authorization, body: new URLSearchParams(await text(request)) });
    response.writeHead(status).end('<ErrorResponse/>');
  });
});
afterAll(() => server.close());

const topic = (endpoint: string) =>
  approvalTopic({
    APPROVAL_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:approvals',
    VAULT_SERVICE: 'pii-vault',
    VAULT_STAGE: 'test',
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'AKIATEST',
    AWS_SECRET_ACCESS_KEY: 'secret-canary',
    AWS_SESSION_TOKEN: 'session',
  });

function logging() {
  const events: string[] = [];
  const log = { info: () => undefined, error: (event: string) => void events.push(event) };
  return { events, log };
}

describe('a notice', () => {
  it('goes to the topic, signed for SNS, with the id and the number of tokens and nothing else', async () => {
    await createNotify(topic(server.origin), logging().log)(notice);
    const { authorization, body } = received.at(-1)!;
    expect(authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIATEST\/\d{8}\/eu-central-1\/sns\//,
    );
    expect(Object.fromEntries(body)).toEqual({
      Action: 'Publish',
      Version: '2010-03-31',
      TopicArn: 'arn:aws:sns:eu-central-1:000000000000:approvals',
      Subject: 'pii-vault test: requested',
      Message: JSON.stringify({ service: 'pii-vault', stage: 'test', ...notice }),
    });
  });

  it('that SNS refuses, or does not answer, ends nothing and is logged', async () => {
    status = 403;
    const { events, log } = logging();
    await createNotify(topic(server.origin), log)(notice);
    await createNotify(topic('http://127.0.0.1:1'), log)(notice);
    expect(events).toEqual(['notice not sent', 'notice not sent']);
  });

  it('goes nowhere in a stage without approvals', async () => {
    const before = received.length;
    await createNotify(null, logging().log)(notice);
    expect(received).toHaveLength(before);
  });
});
