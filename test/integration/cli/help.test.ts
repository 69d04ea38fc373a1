import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { exitCodes } from '../../../cli/exit-codes.ts';
import { type AwsServer, startAwsServer, storedMessage } from '../../helpers/aws-server.ts';
import { runCli } from '../../helpers/cli.ts';

/** Each command, with options under which it would do the most. */
const commands: [string, string[]][] = [
  ['whoami', []],
  ['reveal', ['ip_v1_AAAAAAAAAAAAAAAAAAAAAAAAAAA', '--reason', 'the help is asked for']],
  ['tokenize', ['--kind', 'ip', '--reason', 'the help is asked for']],
  ['erase', ['--user-id', 'u', '--out', './no-file', '--yes']],
  ['request', ['ip_v1_AAAAAAAAAAAAAAAAAAAAAAAAAAA', '--reason', 'the help is asked for']],
  ['requests', []],
  ['approve', ['5e0c7f1e-0000-4000-8000-000000000000', '--yes']],
  ['refuse', ['5e0c7f1e-0000-4000-8000-000000000000', '--yes']],
  ['withdraw', ['5e0c7f1e-0000-4000-8000-000000000000']],
  ['acknowledge', ['5e0c7f1e-0000-4000-8000-000000000000']],
  ['audit', []],
  ['verify', []],
  ['console', []],
  ['send', ['logins.jsonl', '--yes']],
  ['redrive', ['--send', '--yes']],
  ['report', ['--out', './report.html']],
  ['reconcile', []],
  ['rewrap', ['--to', 'arn:aws:kms:eu-central-1:000000000000:key/a', '--yes']],
  ['backup', ['--to', './dump']],
  ['restore', ['--from', './dump', '--audit', './dump', '--yes']],
  ['translate', ['ip_v1_AAAAAAAAAAAAAAAAAAAAAAAAAAA']],
  ['lift', ['ip_v1_AAAAAAAAAAAAAAAAAAAAAAAAAAA', '--reason', 'the help is asked for']],
  ['rotate', ['--yes']],
  ['networks', ['--fill', '--yes']],
  ['drill', []],
];

let aws: AwsServer;
beforeAll(async () => {
  aws = await startAwsServer();
  aws.dead = [storedMessage()];
});
afterAll(() => aws.close());

describe('pii-vault --help', () => {
  it.each(commands)(
    '%s says how it is used, with an example, and does nothing',
    async (name, parameters) => {
      const result = await runCli([name, ...parameters, '--help'], aws.environment);
      expect(result).toMatchObject({ code: 0, stderr: '' });
      expect(result.stdout).toContain(`Usage: npx pii-vault ${name} [options]`);
      expect(result.stdout).toMatch(new RegExp(`\nExample:\n  .*npx pii-vault ${name}`, 's'));
      expect(result.stdout).toContain(exitCodes);
      expect(result.stdout).not.toMatch(/default:\s+(?:\[\]|\{\})/);
      if (name === 'tokenize') expect(result.stdout).toMatch(/--kind <kind>[^-]*\(required\)/);
      // it runs on the local stage only
      if (name === 'drill') expect(result.stdout).not.toContain('--stage');
      expect(aws.actions).toEqual([]);
    },
  );

  it('names every command, and so does docs/operations.md, with the exit codes', async () => {
    const { code, stdout } = await runCli(['--help'], null);
    const documented = await readFile(
      new URL('../../../docs/operations.md', import.meta.url),
      'utf8',
    );
    expect(code).toBe(0);
    const listed = [...stdout.matchAll(/^ {2}(?!npx )([a-z]+) /gm)].map(([, name]) => name!);
    expect(listed.toSorted()).toEqual(commands.map(([name]) => name).toSorted());
    for (const name of listed) {
      expect(documented).toContain(`\`${name}\``);
    }
    for (const [, meaning = ''] of exitCodes.matchAll(/^ +\d+ +([^(;\n]+)/gm)) {
      expect(documented).toContain(meaning.replace(/ with Ctrl-C.*/, ''));
    }
  });

  it('exits with 2 without a command, and with one that does not exist', async () => {
    expect(await runCli([], null)).toMatchObject({ code: 2, stdout: '' });
    expect(await runCli(['redriv'], null)).toMatchObject({
      code: 2,
      output: expect.stringContaining('Did you mean redrive?'),
    });
  });

  it.each([
    [['redriv', '--json'], "unknown command 'redriv'"],
    [['redrive', '--json', '--sned'], "unknown option '--sned'"],
    [['reveal', '--json', '--approval', 'a', '--break-glass'], 'Give --approval or --break-glass'],
  ])('names what is wrong with %j in one JSON object', async (parameters, problem) => {
    const { code, stdout } = await runCli(parameters, null);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({ problems: [expect.stringContaining(problem)] });
  });
});
