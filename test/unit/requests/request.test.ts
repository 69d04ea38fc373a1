import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { InvalidRequest } from '../../../lib/errors.ts';
import { parseClaimedTokensRequest, parseTokensRequest } from '../../../lib/requests/request.ts';
import { readable } from '../../helpers/readable.ts';

const token = (index = 0) => `ip_v1_${String(index).padStart(27, 'A')}`;

function claimedRequest(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { tokens: [token()], reason: 'ticket 4711: fraud', requestedBy: 'jane', ...changes };
}

function refusal(event: unknown): InvalidRequest {
  try {
    parseClaimedTokensRequest(event);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidRequest);
    return error as InvalidRequest;
  }
  return expect.fail('was accepted');
}

describe('a request', () => {
  it('is read as it is', () => {
    expect(parseClaimedTokensRequest(claimedRequest())).toEqual(claimedRequest());
  });

  it('names each token once, in the order first asked', () => {
    const tokens = [token(2), token(1), token(2), token(3), token(1)];
    expect(parseClaimedTokensRequest(claimedRequest({ tokens })).tokens).toEqual([
      token(2),
      token(1),
      token(3),
    ]);
  });

  it('may name 100 tokens and have the longest reason and name', () => {
    const request = claimedRequest({
      tokens: Array.from({ length: 100 }, (_, index) => token(index)),
      reason: '😀'.repeat(500),
      requestedBy: 'x'.repeat(256),
    });
    expect(parseClaimedTokensRequest(request)).toEqual(request);
  });

  it('that is signed has no name of its own to give', () => {
    const { requestedBy: _claim, ...signed } = claimedRequest();
    expect(parseTokensRequest(signed)).toEqual(signed);
    expect(() => parseTokensRequest(claimedRequest())).toThrow(
      new InvalidRequest('requestedBy', 'is not a known field'),
    );
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 42],
    ['text', 'reveal'],
    ['an array', [claimedRequest()]],
    ['a JSON text', JSON.stringify(claimedRequest())],
  ])('that is %s is refused as a whole', (_what, event) => {
    expect(refusal(event)).toMatchObject({
      field: 'request',
      code: 'ERR_INVALID_REQUEST',
      message: 'request must be a JSON object',
    });
  });

  it.each(['tokens', 'reason', 'requestedBy'])('without %s names that field', (field) => {
    const { [field]: _left, ...rest } = claimedRequest();
    expect(refusal(rest).field).toBe(field);
    expect(refusal(claimedRequest({ [field]: null })).field).toBe(field);
    expect(refusal(claimedRequest({ [field]: { nested: { deep: [1] } } })).field).toBe(field);
    expect(refusal(claimedRequest({ [field]: 42 })).field).toBe(field);
    expect(refusal(claimedRequest({ [field]: 'x'.repeat(10_000_000) })).field).toBe(field);
  });

  const rest = 'A'.repeat(26);
  it.each<[string, unknown[]]>([
    ['none', []],
    ['101', Array.from({ length: 101 }, (_, index) => token(index))],
    ['a number', [42]],
    ['null', [null]],
    ['an array', [[token()]]],
    ['a String object', [Object(token())]],
    ['an object', [{ token: token() }]],
    ['nothing in it', ['']],
    ['a plain address', ['192.0.2.1']],
    ['one malformed among good ones', [token(1), 'ip_v1_short', token(2)]],
    ['a Cyrillic look-alike', [`ip_v1_${rest}\u0410`]],
    ['a full-width look-alike', [`ip_v1_${rest}\uFF21`]],
    ['a combining mark', [`ip_v1_${rest}A\u0301`]],
    ['a zero-width joiner', [`ip_v1_${rest}\u200DA`]],
    ['a right-to-left mark', [`\u200F${token()}`]],
    ['a line feed', [`${token()}\n`]],
    ['10 MB', [`ip_v1_${'A'.repeat(10_000_000)}`]],
  ])('for tokens of which there is %s is refused', (_what, tokens) => {
    expect(refusal(claimedRequest({ tokens })).message).toBe(
      'tokens must be 1 to 100 tokens as user_logins holds them',
    );
  });

  it.each<[string, string, string]>([
    ['reason', 'fewer than 10 characters', 'too short'],
    ['reason', 'spaces to make up 10 characters', `  short${' '.repeat(10)}`],
    ['reason', 'more than 500 characters', 'x'.repeat(501)],
    ['reason', 'two lines', 'ticket 4711\nfraud'],
    ['reason', 'a NUL', 'ticket 4711\0'],
    ['reason', 'a terminal escape', 'ticket 4711 \u001B[2J'],
    ['reason', 'a lone surrogate', 'ticket 4711 \uD83D'],
    ['requestedBy', 'nothing', ''],
    ['requestedBy', 'spaces', '   '],
    ['requestedBy', 'more than 256 characters', 'x'.repeat(257)],
    ['requestedBy', 'two lines', 'jane\rroot'],
  ])('whose %s has %s is refused', (field, _what, value) => {
    const error = refusal(claimedRequest({ [field]: value }));
    expect(error.field).toBe(field);
    expect(error.message).toMatch(/on one line$/);
  });

  it('with a field that is not known names it, when it is a plain word', () => {
    expect(refusal(claimedRequest({ token: token() })).message).toBe('token is not a known field');
    expect(refusal(claimedRequest({ '192.0.2.1': 1 })).message).toBe(
      'request has a field that is not known',
    );
  });

  it('that imitates a Function URL event is refused', () => {
    const requestContext = { authorizer: { iam: { userArn: 'arn:aws:iam::1:user/root' } } };
    expect(refusal(claimedRequest({ requestContext })).field).toBe('requestContext');
    expect(refusal({ requestContext, body: JSON.stringify(claimedRequest()) })).toBeDefined();
  });

  it('finds no field on the prototype', () => {
    const { reason, ...own } = claimedRequest();
    const text = JSON.stringify(own).replace('{', `{"__proto__":{"reason":"${String(reason)}"},`);
    expect(refusal(JSON.parse(text)).message).not.toContain('4711');
    for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
      const polluted = JSON.stringify(claimedRequest()).replace('{', `{"${key}":{"x":"canary"},`);
      expect(refusal(JSON.parse(polluted)).message).not.toContain('canary');
    }
    expect(Reflect.get({}, 'reason')).toBeUndefined();
  });

  it('is never echoed by its refusal, whatever is wrong with it', () => {
    const event = fc.uuid().chain((id) => {
      const secret = `canary-${id}`;
      return fc.record({
        secret: fc.constant(secret),
        field: fc.constantFrom('tokens', 'other field', secret, 'requestContext'),
        value: fc.oneof(
          fc.constantFrom<unknown>(secret, [secret], { [secret]: secret }, [[secret]]),
          fc.constantFrom(`${secret}\n`, secret.repeat(20)),
          fc.jsonValue().map((value) => [value, secret]),
        ),
        whole: fc.boolean(),
      });
    });
    fc.assert(
      fc.property(event, ({ secret, field, value, whole }) => {
        const error = refusal(whole ? value : claimedRequest({ [field]: value }));
        expect(readable(error)).not.toContain(secret);
      }),
    );
  });
});
