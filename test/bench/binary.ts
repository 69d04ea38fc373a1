// Postgres's binary format of arrays, as its array_recv reads it: https://www.postgresql.org/docs/18/protocol.html
// and src/backend/utils/adt/arrayfuncs.c. Text arrays cost the client escaping and the server parsing.

const oids = { bytea: 17, int4: 23, text: 25, date: 1082, uuid: 2950 } as const;
const headerBytes = 20;
const postgresEpochDay = Date.UTC(2000, 0, 1) / 86_400_000;

/** One dimension, from 1; an element that is null has no bytes. */
function array(type: keyof typeof oids, elements: readonly (Uint8Array | null)[]): Buffer {
  const size = elements.reduce((sum, element) => sum + 4 + (element?.length ?? 0), headerBytes);
  const buffer = Buffer.allocUnsafe(size);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(elements.includes(null) ? 1 : 0, 4);
  buffer.writeInt32BE(oids[type], 8);
  buffer.writeInt32BE(elements.length, 12);
  buffer.writeInt32BE(1, 16);
  let offset = headerBytes;
  for (const element of elements) {
    offset = buffer.writeInt32BE(element?.length ?? -1, offset);
    if (element !== null) {
      buffer.set(element, offset);
      offset += element.length;
    }
  }
  return buffer;
}

export const uuidArray = (ids: readonly string[]): Buffer =>
  array(
    'uuid',
    ids.map((id) => Buffer.from(id.replaceAll('-', ''), 'hex')),
  );

export const textArray = (texts: readonly (string | null)[]): Buffer =>
  array(
    'text',
    texts.map((text) => (text === null ? null : Buffer.from(text, 'utf8'))),
  );

export const byteaArray = (values: readonly Uint8Array[]): Buffer => array('bytea', values);

export const integerArray = (numbers: readonly number[]): Buffer =>
  array(
    'int4',
    numbers.map((number) => int4(number)),
  );

/** Of days as `YYYY-MM-DD`. */
export const dateArray = (days: readonly string[]): Buffer =>
  array(
    'date',
    days.map((day) => int4(Date.parse(day) / 86_400_000 - postgresEpochDay)),
  );

function int4(number: number): Buffer {
  const buffer = Buffer.allocUnsafe(4);
  buffer.writeInt32BE(number);
  return buffer;
}
