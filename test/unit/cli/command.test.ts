import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  action,
  type CommonOptions,
  describe as withCommon,
  type Work,
} from '../../../cli/command.ts';
import { UserError } from '../../../cli/user-error.ts';
import { DatabaseError } from '../../../lib/errors.ts';
import { type CapturedOutput, captureOutput } from '../../helpers/output.ts';

let output: CapturedOutput;
beforeEach(() => {
  output = captureOutput();
});
afterEach(() => {
  output.restore();
  process.exitCode = 0;
});

/** Runs a command that does this; returns its exit code and what it printed. */
async function run(work: Work<CommonOptions>, ...args: string[]) {
  await withCommon(new Command('test'), 'A test.', 'test', [])
    .action(action(work))
    .parseAsync(args, { from: 'user' });
  return { code: process.exitCode, text: output.text() };
}

const outcome = {
  exitCode: 1,
  text: 'Found.',
  problems: ['It is wrong.'],
  report: { n: 1 },
} as const;

const fail =
  (error: Error): Work<CommonOptions> =>
  async () => {
    throw error;
  };

describe('action', () => {
  it.each([
    [new UserError('Set it.'), 'Set it.\n'],
    [new DatabaseError('42501'), 'The database answered 42501.\n'],
    [
      new DatabaseError('ECONNREFUSED'),
      'The database answered ECONNREFUSED: is it up, and does the way to it lead there?\n',
    ],
  ])('shows what a person can fix as its message only: %s', async (error, text) => {
    expect(await run(fail(error))).toEqual({ code: 2, text });
  });

  it('shows where a fault of its own is, but not the message, which could hold a value', async () => {
    const { code, text } = await run(
      fail(new TypeError('198.51.100.7 is no object\nof 198.51.100.7')),
    );
    expect(code).toBe(2);
    expect(text).toMatch(
      /^This is a fault of pii-vault \(TypeError\)\. .*\n +at .*command\.test\.ts/,
    );
    expect(text).not.toContain('198.51');
  });

  it('prints one JSON object with --json, also for an error', async () => {
    const { text } = await run(fail(new UserError('Set it.')), '--json');
    expect(text).toBe('{\n  "problems": [\n    "Set it."\n  ]\n}\nSet it.\n');
  });

  it('passes on what was found, with its exit code', async () => {
    expect(await run(async () => outcome)).toEqual({ code: 1, text: 'Found.\nIt is wrong.\n' });
  });
});
