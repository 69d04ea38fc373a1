import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { readBatches } from '../../../cli/lines.ts';

/** The batches of a text that comes in chunks of so many bytes. */
async function batches(text: string, from = 1, bytes = 5): Promise<[number, string][][]> {
  const buffer = Buffer.from(text);
  const chunks = Array.from({ length: Math.ceil(buffer.length / bytes) }, (_, index) =>
    buffer.subarray(index * bytes, (index + 1) * bytes),
  );
  const found = [];
  for await (const batch of readBatches(Readable.from(chunks), from)) {
    found.push(batch.map(({ number, text: line }): [number, string] => [number, line]));
  }
  return found;
}

describe('readBatches', () => {
  it('gives ten lines at a time, with their numbers', async () => {
    const text = Array.from({ length: 12 }, (_, index) => `line ${index + 1}\n`).join('');
    const [first, second] = await batches(text);
    expect(first).toHaveLength(10);
    expect(second).toEqual([
      [11, 'line 11'],
      [12, 'line 12'],
    ]);
  });

  it('leaves out empty lines and counts them', async () => {
    expect(await batches('a\n\nb\r\n\r\nc')).toEqual([
      [
        [1, 'a'],
        [3, 'b'],
        [5, 'c'],
      ],
    ]);
  });

  it('begins at the line asked for', async () => {
    expect(await batches('a\nb\nc\n', 2)).toEqual([
      [
        [2, 'b'],
        [3, 'c'],
      ],
    ]);
  });

  it.each([1, 2, 3, 7])('keeps characters whole that come in chunks of %d bytes', async (bytes) => {
    const line = '{"device_id":"дevice \u2028 😀"}';
    expect(await batches(`\uFEFF${line}\n${line}`, 1, bytes)).toEqual([
      [
        [1, line],
        [2, line],
      ],
    ]);
  });

  it('gives nothing for an empty text', async () => {
    expect(await batches('')).toEqual([]);
    expect(await batches('\n\n')).toEqual([]);
  });
});
