import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  byteaArray,
  dateArray,
  integerArray,
  textArray,
  uuidArray,
} from '../../../db/binary-array.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase(null);
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
