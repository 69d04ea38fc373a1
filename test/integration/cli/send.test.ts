import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type AwsServer, startAwsServer } from '../../helpers/aws-server.ts';
import { runCli, startCli } from '../../helpers/cli.ts';

let directory: string;
let path: string;
let aws: AwsServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pii-vault-send-'));
  path = join(directory, 'logins.jsonl');
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(async () => {
  aws = await startAwsServer();
});
afterEach(() => aws.close());

const send = (...parameters: string[]) => runCli(['send', ...parameters], aws.environment);
const bodies = () => aws.login.map(({ body }) => body).toSorted();
const lines = (count: number) =>
  Array.from({ length: count }, (_, index) => `{"canary":${String(index + 1).padStart(4, '0')}}`);

describe('pii-vault send', () => {
  it('sends each line of a file as it stands, and prints counts only', async () => {
    await writeFile(path, `${lines(95).join('\n')}\n\n"text" \n`);
    const { code, output } = await send(path);
    expect({ code, output }).toEqual({ code: 0, output: 'Sent 96 messages.\n' });
    expect(bodies()).toEqual(['"text" ', ...lines(95)].toSorted());
  });

  it.each([[[]], [['-']]])('sends standard input with the arguments %j', async (parameters) => {
    const input = lines(3).join('\r\n');
    const result = await runCli(['send', ...parameters], aws.environment, { input });
    expect(result).toMatchObject({ code: 0, output: 'Sent 3 messages.\n' });
    expect(bodies()).toEqual(lines(3));
  });

  it('names the lines that SQS refused by their numbers, and exits with 1', async () => {
    const given = lines(30);
    await writeFile(path, given.join('\n'));
    aws.refused = new Set([given[6]!, given[28]!]);
    const { code, stdout, stderr } = await send(path, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ sent: 28, refused: [7, 29], lastLine: 30 });
    expect(stderr).toBe('SQS refused 2 messages, of these lines: 7, 29.\n');
    expect(stdout + stderr).not.toContain('canary');
  });

  it('begins at the line of --from-line', async () => {
    await writeFile(path, lines(5).join('\n'));
    expect(await send(path, '--from-line', '4')).toMatchObject({ code: 0 });
    expect(bodies()).toEqual(lines(5).slice(3));
  });

  it('stops when nothing can be sent at all, says why, and exits with 2', async () => {
    await writeFile(path, lines(5_000).join('\n'));
    aws.before = () => {
      throw new Error('denied');
    };
    const { code, stderr, stdout } = await send(path, '--json');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^Not sent: \d+ messages, of these lines: 1, 2, /);
    expect(stderr).toContain('The login queue: access denied (AccessDeniedException)');
    expect(stderr).toContain('When the queue answers, run the same command again.');
    expect((JSON.parse(stdout) as { lastLine: number }).lastLine).toBeLessThan(1_000);
  });

  it('says where to go on after Ctrl-C, and every line is sent once', async () => {
    await writeFile(path, lines(5_000).join('\n'));
    const cancelled = startCli(['send', path], aws.environment);
    let calls = 0;
    aws.before = () => {
      if ((calls += 1) !== 40) return undefined;
      cancelled.process.kill('SIGINT');
      return cancelled.printed('Stopping');
    };
    const { code, stdout, stderr } = await cancelled.ended;
    expect(code).toBe(130);
    const [, from = ''] = /Cancelled\. .*--from-line (\d+)/.exec(stderr) ?? [];
    expect(stdout).toContain(`of the lines up to ${Number(from) - 1}.`);
    expect(aws.login.length).toBeLessThan(5_000);
    aws.before = () => undefined;
    await send(path, '--from-line', from);
    expect(bodies()).toEqual(lines(5_000));
  });

  it.each([
    [['/nowhere/logins.jsonl'], 'cannot be read: there is no such file or directory.'],
    [['.'], 'The lines cannot be read: it is a directory.'],
    [['--from-line', '0'], 'It is not a line number.'],
    [['a', 'b'], 'too many arguments'],
  ])('exits with 2 and says what is wrong with %j', async (parameters, message) => {
    expect(await send(...parameters)).toMatchObject({
      code: 2,
      output: expect.stringContaining(message),
    });
  });
});
