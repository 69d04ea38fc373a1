import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type AwsServer, startAwsServer, storedMessage } from '../../helpers/aws-server.ts';
import { type CliResult, runCli, startCli } from '../../helpers/cli.ts';

let aws: AwsServer;
beforeEach(async () => {
  aws = await startAwsServer();
  aws.dead = [storedMessage(), storedMessage()];
  aws.stacks['pii-vault-staging'] = {
    LoginQueueUrl: aws.url('login'),
    DeadLetterQueueUrl: aws.url('dead'),
  };
});
afterEach(() => aws.close());

/** Runs a command for a deployed stage; this shell's own addresses are wrong, and must not count. */
function run(...parameters: string[]): Promise<CliResult> {
  const environment = {
    ...aws.environment,
    LOGIN_QUEUE_URL: 'http://127.0.0.1:9/wrong',
    DEAD_LETTER_QUEUE_URL: 'http://127.0.0.1:9/wrong',
    DATABASE_URL: 'postgresql://wrong:wrong@127.0.0.1:9/wrong',
  };
  return runCli(parameters, null, { environment });
}

describe('pii-vault --stage', () => {
  it('finds the queues in the outputs of the stack', async () => {
    const { code, stdout } = await run('redrive', '--stage', 'staging', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ stage: 'staging', found: 2 });
  });

  it('asks before it changes a deployed stage, and without a terminal wants --yes', async () => {
    const send = ['redrive', '--stage', 'staging', '--send'];
    expect(await run(...send)).toMatchObject({
      code: 2,
      output: expect.stringContaining('There is no terminal to ask on: add --yes.'),
    });
    expect(aws.dead).toHaveLength(2);
    expect(await run(...send, '--yes')).toMatchObject({ code: 0 });
    expect(aws.login).toHaveLength(2);
  });

  it('says that there is no such stack, and what to check', async () => {
    expect(await run('redrive', '--stage', 'missing')).toMatchObject({
      code: 2,
      output:
        'There is no stack pii-vault-missing in this account and region. ' +
        `AWS_ENDPOINT_URL is set: ${aws.environment['AWS_ENDPOINT_URL']} was asked, and not AWS. ` +
        'There is no stages/missing.yml. Check --stage, AWS_REGION and whose credentials you use.\n',
    });
  });

  it('says what an older deployment lacks', async () => {
    expect(await run('verify', '--stage', 'staging')).toMatchObject({
      code: 2,
      output:
        'The stack pii-vault-staging has no output DatabaseHost: deploy this release to it first.\n',
    });
  });

  it('calls access denied by its name', async () => {
    aws.before = () => {
      throw new Error('denied');
    };
    const { code, stdout, stderr } = await run('redrive', '--stage', 'staging', '--json');
    const message =
      'The outputs of the stack pii-vault-staging: access denied (AccessDenied): ' +
      'your AWS credentials do not allow it';
    expect(code).toBe(2);
    expect(stderr).toBe(`${message}\n`);
    expect(JSON.parse(stdout)).toEqual({ problems: [message] });
  });

  it('says that there are no credentials, or no region', async () => {
    const { AWS_ENDPOINT_URL = '' } = aws.environment;
    const bare = { AWS_ENDPOINT_URL, AWS_EC2_METADATA_DISABLED: 'true', HOME: '/nowhere' };
    const without = (environment: Record<string, string>) =>
      runCli(['verify', '--stage', 'staging'], null, { environment: { ...bare, ...environment } });
    expect(await without({ AWS_REGION: 'eu-central-1' })).toMatchObject({
      code: 2,
      output: expect.stringContaining('no AWS credentials were found'),
    });
    expect(
      await without({ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }),
    ).toMatchObject({ code: 2, output: expect.stringContaining('set AWS_REGION') });
  });

  it('takes no name that is not a stage', async () => {
    expect(await run('redrive', '--stage', '../x')).toMatchObject({
      code: 2,
      output: '--stage is not a stage name\n',
    });
  });

  it('asks nobody’s AWS account on behalf of the local stage', async () => {
    const local = { LOGIN_QUEUE_URL: 'x', DEAD_LETTER_QUEUE_URL: aws.url('dead') };
    const result = await runCli(['redrive'], local, { environment: aws.environment });
    expect(result).toMatchObject({ code: 2 });
    expect(aws.actions).toEqual([]);
  });
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('a second %s ends a command at once that waits for AWS', async (signal, code) => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const { environment } = aws;
  const {
    process: child,
    printed,
    ended,
  } = startCli(['redrive'], {
    ...environment,
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
  });
  await once(silent, 'connection');
  child.kill(signal);
  await printed('Stopping. Press Ctrl-C again to stop at once.');
  // as long as a person needs at least: the same Ctrl-C may come twice
  await sleep(300);
  child.kill(signal);
  expect(await ended).toMatchObject({ code, output: expect.not.stringContaining('Cancelled') });
  silent.close();
});

describe('pii-vault on the local stage, whose emulator has ended', () => {
  // nothing listens on this port
  const endpoint = 'http://127.0.0.1:9';
  const url = `${endpoint}/_aws/lambda-url/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/`;
  const local = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    LOGIN_QUEUE_URL: `${endpoint}/000000000000/login`,
    DEAD_LETTER_QUEUE_URL: `${endpoint}/000000000000/dead`,
    REVEAL_URL: url,
    TOKENIZE_URL: url,
    ERASE_URL: url,
  };
  const token = `ip_v1_${'A'.repeat(27)}`;

  it.each([
    [['redrive'], undefined],
    [['send', '-'], '{}\n'],
    [['whoami'], undefined],
    [['reveal', token, '--reason', 'a good reason'], undefined],
  ])('names it for %j', async (command, input) => {
    const { code, stderr } = await runCli(command, local, input === undefined ? {} : { input });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining(
        `The AWS emulator of the local stack does not answer at ${endpoint}: npm start deletes its data, whose keys ended with it, and begins a new stack.`,
      ),
    });
  });
});
