import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseLoginEvent } from '../../../lib/ingest/login-event.ts';
import { perKind, piiFields } from '../../../lib/pii-fields.ts';
import { loginMessage, noPersonalFields, personalFields } from '../../helpers/builders.ts';

const parse = (changes: Record<string, unknown>) =>
  parseLoginEvent(JSON.stringify(loginMessage(changes)));

describe('a login message', () => {
  it('is read with its personal fields in canonical form', () => {
    const body = JSON.stringify({
      ...noPersonalFields,
      user_id: 'u1',
      app_version: '2.3.0',
      device_type: 'ios',
      ip: '2001:DB8:0:0::1',
      locale: 'RU',
      device_id: ' 593-47 ',
    });
    expect(parseLoginEvent(body)).toEqual({
      userId: 'u1',
      deviceType: 'ios',
      pii: { ...perKind(() => null), ip: '2001:db8::1', device_id: '593-47' },
      locale: 'RU',
      appVersion: 2_003_000,
    });
  });

  it('may have null in place of its personal values and its locale', () => {
    expect(parse({ ...noPersonalFields, locale: null })).toMatchObject({
      pii: perKind(() => null),
      locale: null,
    });
  });

  it.each(piiFields)('has its $messageField read as the value of its $kind', (field) => {
    const value = field.example(7);
    expect(parse({ ...noPersonalFields, [field.messageField]: value })).toMatchObject({
      pii: { ...perKind(() => null), [field.kind]: value },
    });
  });

  it.each(piiFields)('may lack its $messageField if that is optional: $isOptional', (field) => {
    const { kind, messageField, isOptional } = field;
    const { [messageField]: _left, ...rest } = loginMessage(personalFields());
    expect(parseLoginEvent(JSON.stringify(rest))).toMatchObject(
      isOptional ? { pii: { [kind]: null } } : { rejected: `invalid_field:${messageField}` },
    );
  });

  it('may have fields that are not known', () => {
    const known = loginMessage();
    const extra = { ...known, extra: { nested: ['x'] }, unknown: 'a@example.org' };
    expect(parseLoginEvent(JSON.stringify(extra))).toEqual(parseLoginEvent(JSON.stringify(known)));
  });

  it('may have fields of the greatest length, counted in characters', () => {
    const longest = {
      user_id: '😀'.repeat(128),
      device_type: '😀'.repeat(32),
      device_id: '😀'.repeat(256),
      locale: '😀'.repeat(32),
    };
    expect(parse(longest)).toMatchObject({
      userId: longest.user_id,
      pii: { device_id: longest.device_id },
    });
  });

  it('has the last of the values given twice for a field, as JSON has it', () => {
    const body = JSON.stringify(loginMessage({ locale: null })).replace('}', ',"locale":"DE"}');
    expect(parseLoginEvent(body)).toMatchObject({ locale: 'DE' });
  });

  it.each([
    ['nothing', ''],
    ['text', 'not json'],
    ['a half', '{"user_id":'],
    ['a trailing comma', '{"user_id":"u1",}'],
    ['two objects', '{} {}'],
    ['a byte order mark', `\uFEFF${JSON.stringify(loginMessage())}`],
    ['a raw NUL', '{"user_id":"\0"}'],
    ['single quotes', "{'user_id':'u1'}"],
  ])('of %s is invalid_json', (_what, body) => {
    expect(parseLoginEvent(body)).toEqual({ rejected: 'invalid_json' });
  });

  it.each([
    ['null', 'null'],
    ['true', 'true'],
    ['a number', '42'],
    ['text', '"login"'],
    ['an empty array', '[]'],
    ['an array of logins', JSON.stringify([loginMessage()])],
  ])('that is %s is an invalid_message', (_what, body) => {
    expect(parseLoginEvent(body)).toEqual({ rejected: 'invalid_message' });
  });

  it.each(Object.keys(loginMessage()))('without %s names that field', (field) => {
    const { [field]: _left, ...rest } = loginMessage();
    expect(parseLoginEvent(JSON.stringify(rest))).toEqual({ rejected: `invalid_field:${field}` });
  });

  const strings = Object.keys(loginMessage(personalFields()));
  const wrongTypes: unknown[] = [1, true, false, [], ['x'], {}, { toString: 'x' }];
  it.each(strings)('with anything but text in %s names that field', (field) => {
    for (const value of wrongTypes) {
      expect(parse({ [field]: value })).toEqual({ rejected: `invalid_field:${field}` });
    }
  });

  it.each(['user_id', 'device_type', 'app_version'])('with null in %s names it', (field) => {
    expect(parse({ [field]: null })).toEqual({ rejected: `invalid_field:${field}` });
  });

  it.each(strings)('with a NUL or a lone surrogate in %s names that field', (field) => {
    for (const value of ['a\0', '\uD83D', '\uDE00b']) {
      expect(parse({ [field]: value })).toEqual({ rejected: `invalid_field:${field}` });
    }
  });

  it.each<[string, string]>([
    ['user_id', ''],
    ['user_id', 'x'.repeat(129)],
    ['user_id', '😀'.repeat(129)],
    ['user_id', 'x'.repeat(10_000_000)],
    ['device_type', 'x'.repeat(33)],
    ['locale', 'x'.repeat(33)],
    ['device_id', ' \u00A0'],
    ['device_id', 'x'.repeat(257)],
    ...piiFields.flatMap(({ messageField }): [string, string][] => [
      [messageField, ''],
      [messageField, 'x'.repeat(10_000_000)],
    ]),
    ['ip', 'localhost'],
    ['ip', '256.0.0.1'],
    ['ip', 'fe80::1%eth0'],
    ['ip', '1'.repeat(10_000_000)],
    ['app_version', ''],
    ['app_version', '1.2.3.4'],
    ['app_version', '2147.0.0'],
    ['app_version', '1'.repeat(10_000_000)],
  ])('with an impossible %s names that field', (field, value) => {
    expect(parse({ [field]: value })).toEqual({ rejected: `invalid_field:${field}` });
  });

  it('finds no field on the prototype', () => {
    const { ip: _ip, ...rest } = loginMessage();
    const body = JSON.stringify(rest).replace('{', '{"__proto__":{"ip":"192.0.2.1"},');
    expect(parseLoginEvent(body)).toEqual({ rejected: 'invalid_field:ip' });
    expect(Reflect.get({}, 'ip')).toBeUndefined();
  });

  it('ignores prototype keys beside its fields', () => {
    const login = JSON.stringify(loginMessage({ user_id: 'u1' }));
    const body = login.replace('{', '{"__proto__":{"user_id":"x"},"constructor":1,"toString":2,');
    expect(parseLoginEvent(body)).toEqual(parseLoginEvent(login));
  });

  it('is read or rejected with a code, whatever it is', () => {
    const field = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.jsonValue(),
      fc.constantFrom('192.0.2.1', '1.2.3', null),
    );
    const login = fc
      .record(Object.fromEntries(strings.map((name) => [name, field])), { requiredKeys: [] })
      .map((message) => JSON.stringify(message));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json(), login), (body) => {
        const result = parseLoginEvent(body);
        if ('rejected' in result) {
          expect([
            'invalid_json',
            'invalid_message',
            ...strings.map((name) => `invalid_field:${name}`),
          ]).toContain(result.rejected);
        } else {
          expect(result.userId).not.toBe('');
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('reads a deeply nested message as what it is', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(parseLoginEvent(deep)).toEqual({ rejected: expect.stringMatching(/^invalid_/) });
    expect(
      parseLoginEvent(JSON.stringify(loginMessage()).replace('}', `,"extra":${deep}}`)),
    ).toEqual(expect.objectContaining({ deviceType: 'android' }));
  });
});
