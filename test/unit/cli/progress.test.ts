import { describe, expect, it } from 'vitest';

import { describeProgress, showProgress } from '../../../cli/progress.ts';

function output(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, columns: 60, write: (text: string) => written.push(text), written };
}

describe('describeProgress', () => {
  it.each([
    [0, 5_000, 0, '0 of 5,000'],
    [1_200, 5_000, 4, '1,200 of 5,000, 300/s, 13 s left'],
    [1_000, 1_000_000, 10, '1,000 of 1,000,000, 100/s, 2.8 h left'],
    [1_000, 21_000, 10, '1,000 of 21,000, 100/s, 3 min left'],
    [5_000, 5_000, 10, '5,000 of 5,000, 500/s'],
    // an estimate may be too low
    [6_000, 5_000, 10, '6,000 of 6,000, 600/s'],
    [70, null, 7, '70, 10/s'],
  ])('tells how far %d of %o is after %d seconds', (done, total, seconds, text) => {
    expect(describeProgress(done, total, seconds)).toBe(text);
  });
});

describe('showProgress', () => {
  it('counts steps, which have no rate', () => {
    const log = output(false);
    let now = 1_000;
    const progress = showProgress('Reading logins', 11, log, () => now, 'steps');
    now += 6_000;
    progress.update(5);
    expect(log.written).toEqual(['Reading logins: step 5 of 11\n']);
  });

  it('draws a bar on a terminal, no longer than a line, and takes it away', () => {
    const terminal = output(true);
    let now = 1_000;
    const progress = showProgress('Sending', 100, terminal, () => now);
    now += 1_000;
    progress.update(50);
    progress.end();
    const [begun, drawn = '', taken] = terminal.written;
    expect(begun).toBe('\r\u001B[2KSending …');
    expect(drawn).toBe('\r\u001B[2KSending ██████████░░░░░░░░░░ 50 of 100, 50/s, 1 s left');
    expect(taken).toBe('\r\u001B[2K');
    expect(drawn.length).toBeLessThanOrEqual(60 + '\r\u001B[2K'.length);
  });

  it('does not draw more often than ten times a second', () => {
    const terminal = output(true);
    let now = 1_000;
    const progress = showProgress('Sending', 100, terminal, () => now);
    for (let done = 0; done < 100; done += 1) {
      now += 10;
      progress.update(done);
    }
    expect(terminal.written).toHaveLength(1 + 10);
  });

  it('prints a line every five seconds elsewhere, and none for what is quick', () => {
    const file = output(false);
    let now = 1_000;
    const progress = showProgress('Sending', 100, file, () => now);
    for (let done = 1; done <= 12; done += 1) {
      now += 1_000;
      progress.update(done);
    }
    progress.end();
    expect(file.written).toEqual([
      'Sending: 5 of 100, 1/s, 2 min left\n',
      'Sending: 10 of 100, 1/s, 2 min left\n',
    ]);
  });
});
