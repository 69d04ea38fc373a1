import { assert, constantFrom, dictionary, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';

import { maskedMessage } from '../../../scripts/local/masked-message.ts';

describe('maskedMessage', () => {
  test.each([
    [
      '{"user_id":"grace","ip":"192.0.2.7","locale":null}',
      '{"user_id":"•••","ip":"•••","locale":null}',
    ],
    [
      '{"devices":[{"device_id":"593-47-5928"},7,true]}',
      '{"devices":[{"device_id":"•••"},"•••","•••"]}',
    ],
    ['{"192.0.2.7":1,"grace@example.com":2}', '{"•••":"•••"}'],
    ['[1,2,3,4,5,6]', '["•••","•••","•••","•••","•••","…"]'],
    ['"192.0.2.7"', '"•••"'],
    ['null', 'null'],
    ['192.0.2.7 logged in', '••• (not JSON, 19 characters)'],
  ])('shows the structure and the field names of %s', (body, shown) => {
    expect(maskedMessage(body)).toBe(shown);
  });

  test('shows no more than a line of a long message', () => {
    const body = JSON.stringify(
      Array.from({ length: 3 }, () => ({ ['name'.repeat(10)]: 1, b: [[[]]] })),
    );
    expect(maskedMessage(body).length).toBeLessThanOrEqual(161);
  });

  test('shows no value, whatever the message', () => {
    const value = constantFrom('canary-1', 4711, { deep: 'canary-2' }, ['canary-3', 815]);
    assert(
      property(dictionary(string(), value), (fields) => {
        expect(maskedMessage(JSON.stringify(fields))).not.toMatch(/canary|4711|815/);
      }),
    );
  });
});
