import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { InvalidRequest } from '../../../lib/errors.ts';
import {
  parseClaimedTokensRequest,
  parseEraseRequest,
  parseTokensRequest,
  parseValuesRequest,
} from '../../../lib/requests/request.ts';
import { readable } from '../../helpers/readable.ts';

const token = (index = 0) => `ip_v1_${String(index).padStart(26, 'A')}A`;

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
      reason: `${'😀'.repeat(495)}cases`,
      requestedBy: 'x'.repeat(256),
    });
    expect(parseClaimedTokensRequest(request)).toEqual(request);
  });

  it('to erase can suppress the values, or lift that', () => {
    const { requestedBy: _, ...signed } = claimedRequest();
    const actionOf = (changes: object) => parseEraseRequest({ ...signed, ...changes }).action;
    expect(parseEraseRequest(signed)).toEqual({ ...signed, action: 'erase' });
    expect(actionOf({ suppress: false, lift: false })).toBe('erase');
    expect(actionOf({ suppress: true })).toBe('suppress');
    expect(actionOf({ lift: true })).toBe('lift');
    expect(() => actionOf({ suppress: true, lift: true })).toThrow(
      'lift must not be true together with suppress',
    );
    expect(() => actionOf({ suppress: 'yes' })).toThrow('suppress must be true or false');
    expect(() => actionOf({ supress: true })).toThrow('request has an unknown field');
  });

  it('that is signed has no name of its own to give', () => {
    const { requestedBy: _claim, ...signed } = claimedRequest();
    expect(parseTokensRequest(signed)).toEqual(signed);
    expect(() => parseTokensRequest(claimedRequest())).toThrow(
      new InvalidRequest('request', 'has an unknown field'),
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

  it.each<[string, unknown[]]>([
    ['none', []],
    ['101', Array.from({ length: 101 }, (_, index) => token(index))],
  ])('for tokens of which there are %s is refused', (_what, tokens) => {
    expect(refusal(claimedRequest({ tokens })).message).toBe(
      'tokens must be 1 to 100 tokens as user_logins holds them',
    );
  });

  const rest = 'A'.repeat(26);
  it.each<[string, unknown]>([
    ['a number', 42],
    ['null', null],
    ['an array', [token()]],
    ['a String object', Object(token())],
    ['an object', { token: token() }],
    ['nothing in it', ''],
    ['a plain address', '192.0.2.1'],
    ['too few characters', 'ip_v1_short'],
    ['a Cyrillic look-alike', `ip_v1_${rest}\u0410`],
    ['a full-width look-alike', `ip_v1_${rest}\uFF21`],
    ['a combining mark', `ip_v1_${rest}A\u0301`],
    ['a zero-width joiner', `ip_v1_${rest}\u200DA`],
    ['a right-to-left mark', `\u200F${token()}`],
    ['a line feed', `${token()}\n`],
    ['10 MB', `ip_v1_${'A'.repeat(10_000_000)}`],
  ])('for a token that is or has %s is refused, naming its position', (_what, wrong) => {
    const tokens = [token(1), token(2), token(3), wrong, token(4)];
    expect(refusal(claimedRequest({ tokens })).message).toBe('tokens[3] is not a token');
    expect(refusal(claimedRequest({ tokens: [wrong] })).message).toBe('tokens[0] is not a token');
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
    expect(error.message).toMatch(/on one line, with at least/);
  });

  it.each<[string, string]>([
    ['Hangul fillers', '\u115F\u1160\u3164\uFFA0'],
    ['Braille blanks', '\u2800'],
    ['Egyptian blanks', '\u{13441}\u{13442}'],
    ['variation selectors', '\uFE0F\uFE00\u{E0100}\u180B'],
    ['combining marks', '\u0301\u20E3\u0308'],
    ['a grapheme joiner', '\u034F'],
    ['Khmer inherent vowels', '\u17B4\u17B5'],
    ['tags', '\u{E0061}\u{E007F}'],
    ['joiners', '\u200D\u200C'],
    ['zero-width spaces', '\u200B\u2060\uFEFF'],
    ['soft hyphens', '\u00AD'],
    ['spaces of all kinds', '\u00A0\u2003\u3000\u1680'],
    ['invisible operators', '\u2061\u2064'],
    ['musical controls', '\u{1D173}'],
    ['private characters', '\uE000'],
    ['dashes', '-–—'],
    ['dots', '.·…'],
  ])('whose reason or name is made of %s is refused', (_what, characters) => {
    const blank = characters.repeat(20);
    expect(refusal(claimedRequest({ reason: blank })).field).toBe('reason');
    expect(refusal(claimedRequest({ reason: `${blank}case` })).field).toBe('reason');
    expect(refusal(claimedRequest({ requestedBy: blank })).field).toBe('requestedBy');
  });

  it.each([
    '\u3164',
    '\uFFA0',
    '\u115F',
    '\u1160',
    '\u2800',
    '\u034F',
    '\u00AD',
    '\u200B',
    '\u202E',
  ])('whose name hides %j is refused, as it looks like another', (hidden) => {
    expect(refusal(claimedRequest({ requestedBy: `jane${hidden}` })).field).toBe('requestedBy');
  });

  it.each([
    'Betrugsfall 4711: Kontoübernahme',
    'случай 4711: захват аккаунта',
    '不正ログインの調査（案件四七一一）',
    'धोखाधड़ी का मामला ४७११',
    'گزارش کلاه‌برداری ۴۷۱۱',
    '사기 사건 조사 4711번',
    'ticket 4711 ❤️ 👩‍💻 fraud',
    '[#4711] ab',
  ])('may give its reason in any script: %s', (reason) => {
    expect(parseClaimedTokensRequest(claimedRequest({ reason })).reason).toBe(reason);
  });

  it.each(['token', 'requestedby', '192.0.2.1', '__proto__ '])(
    'with an unknown field is refused without showing its name: %s',
    (name) => {
      expect(refusal(claimedRequest({ [name]: 1 })).message).toBe('request has an unknown field');
    },
  );

  it('for values gives them in canonical form, and names the position of one that is not valid', () => {
    const request = {
      kind: 'ip',
      values: ['2001:DB8::1', '192.0.2.1'],
      reason: 'ticket 4711: fraud',
    };
    expect(parseValuesRequest(request)).toEqual({
      ...request,
      values: ['2001:db8::1', '192.0.2.1'],
    });
    const wrong = (changes: object) => () => parseValuesRequest({ ...request, ...changes });
    expect(wrong({ values: ['192.0.2.1', 'canary'] })).toThrow('values[1] is not a valid ip');
    expect(wrong({ values: ['192.0.2.1', 42] })).toThrow('values[1] is not text');
    expect(wrong({ values: [] })).toThrow('values must be 1 to 100 valid values of that kind');
    expect(wrong({ kind: 'unknown' })).toThrow(/^kind must be one of/);
    expect(wrong({ requestedBy: 'jane' })).toThrow('request has an unknown field');
  });

  it('that imitates a Function URL event is refused', () => {
    const requestContext = { authorizer: { iam: { userArn: 'arn:aws:iam::1:user/root' } } };
    expect(refusal(claimedRequest({ requestContext })).field).toBe('request');
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
