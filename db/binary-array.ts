import { dayMs } from '../lib/time.ts';

/**
 * One-dimensional arrays in Postgres's binary format, which is read by `array_recv` in
 * https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/arrayfuncs.c.
 * Text arrays cost the client escaping and the server parsing, and bytes twice their size.
 */

const oids = { bytea: 17, int4: 23, text: 25, date: 1082, uuid: 2950 } as const;
const headerBytes = 20;
const lengthBytes = 4;
const postgresEpochDay = Date.UTC(2000, 0, 1) / dayMs;

/** An element's size in bytes, and how it is written at an offset. */
interface Element<T> {
  size: (value: T) => number;
  write: (value: T, array: Buffer, offset: number) => void;
}

function binaryArray<T>(
  type: keyof typeof oids,
  values: readonly (T | null)[],
  { size, write }: Element<T>,
): Buffer {
  const sizes = values.map((value) => (value === null ? 0 : size(value)));
  const array = Buffer.allocUnsafe(
    sizes.reduce((sum, each) => sum + lengthBytes + each, headerBytes),
  );
  array.writeInt32BE(1, 0); // dimensions
  array.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  array.writeInt32BE(oids[type], 8);
  array.writeInt32BE(values.length, 12);
  array.writeInt32BE(1, 16); // the first index
  let offset = headerBytes;
  values.forEach((value, index) => {
    const bytes = sizes[index]!;
    offset = array.writeInt32BE(value === null ? -1 : bytes, offset);
    if (value !== null) write(value, array, offset);
    offset += bytes;
  });
  return array;
}

/** A `text[]`. */
export function textArray(texts: readonly (string | null)[]): Buffer {
  return binaryArray('text', texts, {
    size: (text) => Buffer.byteLength(text, 'utf8'),
    write: (text, array, offset) => array.write(text, offset, 'utf8'),
  });
}

/** A `uuid[]`. */
export function uuidArray(ids: readonly string[]): Buffer {
  return binaryArray('uuid', ids, {
    size: () => 16,
    write: (id, array, offset) => array.write(id.replaceAll('-', ''), offset, 'hex'),
  });
}

/** A `bytea[]`. */
export function byteaArray(values: readonly Uint8Array[]): Buffer {
  return binaryArray('bytea', values, {
    size: (value) => value.length,
    write: (value, array, offset) => array.set(value, offset),
  });
}

/** The bytes of tokens, each the last 27 characters of its text, as a `bytea[]`. */
export function tokenArray(tokens: readonly string[]): Buffer {
  return binaryArray('bytea', tokens, {
    size: () => 20,
    write: (token, array, offset) => array.write(token.slice(-27), offset, 'base64url'),
  });
}

/** An `integer[]`. */
export function integerArray(numbers: readonly number[]): Buffer {
  return binaryArray('int4', numbers, {
    size: () => 4,
    write: (number, array, offset) => array.writeInt32BE(number, offset),
  });
}

/** A `date[]` of days as `YYYY-MM-DD`. */
export function dateArray(days: readonly (string | null)[]): Buffer {
  return binaryArray('date', days, {
    size: () => 4,
    write: (day, array, offset) =>
      array.writeInt32BE(Date.parse(day) / dayMs - postgresEpochDay, offset),
  });
}
