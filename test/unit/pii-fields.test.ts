import { getTableColumns } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';

import { userLogins } from '../../db/schema.ts';
import { tokenLength } from '../../lib/crypto/token.ts';
import { piiFields } from '../../lib/pii-fields.ts';

const columns = new Map(
  Object.values(getTableColumns(userLogins)).map((column) => [column.name, column]),
);

describe.each(piiFields)('the personal field $kind', (field) => {
  const { kind, messageField, canonical, column, example } = field;

  it('has a name that tokens, logs and the database can hold', () => {
    expect(kind).toMatch(/^[a-z][a-z_]{0,31}$/);
    expect(messageField).toMatch(/^[a-z][a-z_]{0,31}$/);
  });

  it('has a column in db/schema.ts, with room for its token, that may be null', () => {
    // the database finds it by that name
    expect(column).toBe(`masked_${kind}`);
    const found = columns.get(column);
    expect(found, `add the column ${column} to userLogins in db/schema.ts`).toBeDefined();
    expect(found?.getSQLType()).toBe('varchar(256)');
    expect(found?.notNull).toBe(false);
    expect(tokenLength(kind)).toBeLessThanOrEqual(256);
  });

  it('has examples that are different canonical values', () => {
    const examples = Array.from({ length: 1000 }, (_, n) => example(n));
    expect(new Set(examples).size).toBe(1000);
    for (const value of [...examples, example(2 ** 47)]) expect(canonical(value)).toBe(value);
  });

  it.each([
    ['nothing', ''],
    ['space', ' \u00A0\t'],
    ['a NUL', 'a\0b'],
    ['half a character', '\uD83D'],
    ['more than 256 characters', 'x'.repeat(257)],
    ['very much', 'x'.repeat(10_000_000)],
  ])('has no canonical form for %s', (_what, text) => expect(canonical(text)).toBeNull());
});

describe('the personal fields', () => {
  it.each(['kind', 'messageField', 'column'] as const)('have a %s each', (name) => {
    expect(new Set(piiFields.map((field) => field[name])).size).toBe(piiFields.length);
  });

  it('are all the columns of user_logins that hold tokens', () => {
    const masked = [...columns.keys()].filter((name) => name.startsWith('masked_'));
    expect(piiFields.map(({ column }) => column as string).toSorted()).toEqual(masked.toSorted());
  });

  it('have columns in the order in which teams have them, new ones at the end', () => {
    expect([...columns.keys()].slice(0, 7)).toEqual([
      'user_id',
      'device_type',
      'masked_ip',
      'masked_device_id',
      'locale',
      'app_version',
      'create_date',
    ]);
  });
});
