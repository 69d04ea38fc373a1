import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  byteaArray,
  dateArray,
  integerArray,
  textArray,
  tokenArray,
  uuidArray,
} from '../../../db/binary-array.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'));
const day = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));

it.each([
  ['text[]', fc.array(fc.option(text)), textArray],
  ['uuid[]', fc.array(fc.uuid()), uuidArray],
  ['integer[]', fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), integerArray],
  ['date[]', fc.array(fc.option(day)), dateArray],
] as [string, fc.Arbitrary<unknown[]>, (values: never) => Buffer][])(
  'Postgres reads a %s as its elements',
  async (type, values, encode) => {
    await fc.assert(
      fc.asyncProperty(values, async (elements) => {
        const { rows } = await database.admin.query<{ read: unknown[] }>(
          `select to_jsonb($1::${type}) as read`,
          [encode(elements as never)],
        );
        expect(rows[0]!.read).toEqual(elements);
      }),
    );
  },
);

it('Postgres reads tokens as the bytes that vault.token_bytes makes of them', async () => {
  const tokens = fc
    .uint8Array({ minLength: 20, maxLength: 20 })
    .map((bytes) => `ip_v1_${Buffer.from(bytes).toString('base64url')}`);
  await fc.assert(
    fc.asyncProperty(fc.array(tokens), async (elements) => {
      const { rows } = await database.admin.query<{ bytes: Buffer[]; texts: string[] }>(
        `select array(select vault.token_bytes(token) from unnest($2::text[]) as token) as bytes,
           array(select vault.token_text('ip', bytes) from unnest($1::bytea[]) as bytes) as texts`,
        [tokenArray(elements), elements],
      );
      expect(tokenArray(elements)).toEqual(byteaArray(rows[0]!.bytes));
      expect(rows[0]!.texts).toEqual(elements);
    }),
  );
});

it('Postgres reads a bytea[] as its elements', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array()), async (elements) => {
      const { rows } = await database.admin.query<{ read: Buffer[] }>(
        'select $1::bytea[] as read',
        [byteaArray(elements)],
      );
      expect(rows[0]!.read.map((bytes) => new Uint8Array(bytes))).toEqual(elements);
    }),
  );
});
