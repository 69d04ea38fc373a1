import { describe, expect, it } from 'vitest';

import {
  CallerUnverified,
  InvalidRequest,
  QuotaExceeded,
  SealBroken,
  VaultUnavailable,
} from '../../../lib/errors.ts';
import { requestBody, respond } from '../../../lib/requests/function-url.ts';
import { verifiedPrincipal } from '../../../lib/requests/principal.ts';
import { parseClaimedTokensRequest, parseTokensRequest } from '../../../lib/requests/request.ts';
import { functionUrlEvent } from '../../helpers/function-url-event.ts';

const request = { tokens: [`ip_v1_${'A'.repeat(27)}`], reason: 'fraud case 4711' };

const tooMany = { limit: 'quota', allowed: 20, remaining: 0 } as const;

describe('the body of a Function URL event', () => {
  it('is read as JSON, plain or in base64', () => {
    const event = functionUrlEvent(request);
    expect(requestBody(event)).toEqual(request);
    const encoded = { ...event, body: btoa(JSON.stringify(request)), isBase64Encoded: true };
    expect(requestBody(encoded)).toEqual(request);
  });

  it.each([undefined, '', 'canary', '{"canary"'])('is refused when it is %j', (body) => {
    const read = () => requestBody({ ...functionUrlEvent(request), body: body! });
    expect(read).toThrow(InvalidRequest);
    expect(read).not.toThrow('canary');
  });

  it('is refused when it claims an identity beside the signed one', () => {
    expect(() => parseTokensRequest({ ...request, requestedBy: 'someone else' })).toThrow(
      'request has an unknown field',
    );
  });
});

describe('an event that imitates a signed request', () => {
  it('is not a request when it is sent to a function that is invoked directly', () => {
    const imitation = { ...functionUrlEvent(request), ...request, requestedBy: 'mallory' };
    expect(() => parseClaimedTokensRequest(imitation)).toThrow(InvalidRequest);
  });

  it.each([
    ['without an authorizer', { authorizer: undefined }],
    ['with another authorizer', { authorizer: { jwt: {} } }],
    ['with an invalid ARN', { authorizer: { iam: { userArn: 'grace' } } }],
    ['with an ARN that is not text', { authorizer: { iam: { userArn: ['arn:aws:iam::1:root'] } } }],
  ])('has no verified caller %s', (_, requestContext) => {
    expect(() => verifiedPrincipal({ requestContext } as never)).toThrow(CallerUnverified);
  });
});

describe('the response', () => {
  it('is what was revealed, and no cache may keep it', async () => {
    const response = await respond(async () => ({ revealed: [] }));
    expect(response).toEqual({
      statusCode: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      body: '{"revealed":[]}',
    });
  });

  it.each([
    [400, new InvalidRequest('reason', 'must be there')],
    [403, new CallerUnverified()],
    [429, new QuotaExceeded({ ...tooMany, retryAt: new Date(0) })],
    [500, new SealBroken()],
    [503, new VaultUnavailable('KMS')],
    [503, new TypeError('canary')],
  ])('is %i for %s, and tells nothing of a foreign error', async (statusCode, error) => {
    const response = await respond(() => Promise.reject(error));
    expect(response).toMatchObject({ statusCode });
    expect(JSON.stringify(response)).not.toContain('canary');
  });

  it('says how many are left, and when to try again', async () => {
    const retryAt = new Date(Date.UTC(2026, 0, 31, 23, 59, 59));
    const response = await respond(() =>
      Promise.reject(new QuotaExceeded({ ...tooMany, remaining: 7, retryAt })),
    );
    expect(response).toMatchObject({
      headers: { 'retry-after': 'Sat, 31 Jan 2026 23:59:59 GMT' },
      body: expect.stringContaining('"remaining":7,"retryAt":"2026-01-31T23:59:59.000Z"'),
    });
  });
});
