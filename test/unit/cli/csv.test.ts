import { describe, expect, it } from 'vitest';

import { readCsv } from '../../../cli/csv.ts';

const missing = (csv: string) => () => readCsv(Buffer.from(csv), 'masked_ip');

describe('a CSV without the column', () => {
  it.each([
    ['case,note\n1,x\n', 'It has: case, note.'],
    ['case;"Masked IP"\n1;x\n', 'It has: case, Masked IP.'],
    ['masked ip\tcase\n', 'It has: masked ip, case.'],
  ])('is refused with the columns that it has: %j', (csv, columns) =>
    expect(missing(csv)).toThrow(`The CSV has no column masked_ip in its first line. ${columns}`),
  );

  it.each(['198.51.100.7,x\n', 'x,593-47-5928\n', '2001:db8::1\n'])(
    'shows no value where the first line is no header: %j',
    (csv) => {
      expect(missing(csv)).toThrow(/in its first line\. Does it begin with a header\?$/);
    },
  );
});
