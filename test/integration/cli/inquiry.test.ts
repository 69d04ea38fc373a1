import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type CliResult, runCli, startCli } from '../../helpers/cli.ts';
import { revealAll, startVaultServer, type VaultServer } from '../../helpers/vault-server.ts';

let vault: VaultServer;
let directory: string;
beforeEach(async () => {
  vault = await startVaultServer();
  directory = await mkdtemp(join(tmpdir(), 'pii-vault-inquiry-'));
});
afterEach(async () => {
  await vault.close();
  await rm(directory, { recursive: true, force: true });
});

const token = (n: number) => `ip_v1_${String(n).padStart(26, 'A')}A`;
const tokens = (count: number) => Array.from({ length: count }, (_, n) => token(n));
const path = (name: string) => join(directory, name);
const read = (name: string) => readFile(path(name), 'utf8');

const common = () => ['--stage', 'staging', '--url', vault.url, '--reason', 'fraud case 4711'];

function run(name: string, parameters: string[], input?: string): Promise<CliResult> {
  return runCli([name, ...common(), ...parameters], null, {
    environment: vault.environment,
    ...(input === undefined ? {} : { input }),
  });
}

/** Answers as long as the quota leaves room, and refuses as the vault does until `retryAt`. */
function limitTo(allowed: number, retryAt: Date): void {
  let left = allowed;
  vault.answer = (request) => {
    if (Date.now() >= retryAt.getTime()) left = allowed;
    if (request.tokens.length > left) {
      const message = `${left} of your ${allowed} tokens an hour are left`;
      return [429, { error: 'QuotaExceeded', message, limit: 'quota', remaining: left, retryAt }];
    }
    left -= request.tokens.length;
    return revealAll(request);
  };
}

const asked = () => vault.asked.map((request) => request.tokens.length);

describe('pii-vault reveal', () => {
  it('asks for 5 000 tokens by the hundred, for each once, and answers in their order', async () => {
    const lines = [...tokens(5_000), token(7)];
    const { code, stdout } = await run('reveal', ['--format', 'json'], lines.join('\n'));
    expect(code).toBe(0);
    expect(vault.asked.map((request) => request.tokens.length)).toEqual(Array(50).fill(100));
    expect(vault.asked[0]!.reason).toBe('fraud case 4711');
    const answers = JSON.parse(stdout) as { token: string; value: string }[];
    expect(answers.map((answer) => answer.token)).toEqual(lines);
    expect(answers.at(-1)!.value).toBe(`value of ${token(7)}`);
  });

  it('adds a column to a CSV, and leaves every other byte of it as it was', async () => {
    const csv = Buffer.concat([
      Buffer.from(`\uFEFFcase;"masked_ip";note\r\n`),
      Buffer.from(`1;${token(1)};"two\nlines; ""quoted"""\r\n`),
      Buffer.from([0x32, 0x3b, 0x3b, 0xff, 0x0d, 0x0a]), // no token, and a byte that is not UTF-8
      Buffer.from(`3;"${token(2)}"`),
    ]);
    await writeFile(path('cases.csv'), csv);
    const out = ['--csv', path('cases.csv'), '--column', 'masked_ip', '--out', path('out.csv')];
    const { code, stdout } = await run('reveal', out);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Found 2 of 2.\n' });
    expect(await readFile(path('out.csv'))).toEqual(
      Buffer.concat([
        Buffer.from(`\uFEFFcase;"masked_ip";note;masked_ip_revealed\r\n`),
        Buffer.from(`1;${token(1)};"two\nlines; ""quoted""";value of ${token(1)}\r\n`),
        Buffer.from([0x32, 0x3b, 0x3b, 0xff, 0x3b, 0x0d, 0x0a]),
        // a row that is too short is filled up to the new column
        Buffer.from(`3;"${token(2)}";;value of ${token(2)}`),
      ]),
    );
    expect((await stat(path('out.csv'))).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['cases.csv', 'out.csv']);
  });

  it('names a malformed token by its line, and asks for the others', async () => {
    const { code, output } = await run('reveal', [], `${token(1)}\n\n198.51.100.7\n${token(2)}\n`);
    expect(code).toBe(1);
    expect(output).toContain('Line 3: not a token (one looks like ip_v1_');
    expect(vault.asked.map((request) => request.tokens)).toEqual([[token(1), token(2)]]);
  });

  it('says which tokens are missing, with exit code 1', async () => {
    vault.answer = () => [200, { revealed: [], missing: [{ token: token(1), why: 'erased' }] }];
    const { code, stderr } = await run('reveal', [token(1)]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'Argument 1: erased.\n' });
  });

  it('keeps what was answered when a quota is used up, and with --resume asks nothing twice', async () => {
    limitTo(200, new Date(Date.now() + 3_600_000));
    const out = ['--out', path('out.json'), '--format', 'json'];
    const lines = tokens(350).join('\n');
    const first = await run('reveal', out, lines);
    expect(first.code).toBe(3);
    expect(first.stderr).toContain('Your hourly quota is used up: there is room again after');
    expect(first.stderr).toMatch(/with --resume to go on after \d\d:\d\d UTC\./);
    expect(first.stderr).toContain('Answered: 200 of 350. Left: 150.');
    expect(await readdir(directory)).toEqual(['out.json.part']);
    expect((await stat(path('out.json.part'))).mode & 0o777).toBe(0o600);

    expect(await run('reveal', out, lines)).toMatchObject({
      code: 2,
      output: expect.stringContaining('add --resume'),
    });
    const other = await run('tokenize', ['--kind', 'ip', ...out, '--resume'], '192.0.2.1');
    expect(other).toMatchObject({ code: 2, output: expect.stringContaining('another command') });
    expect(vault.asked).toHaveLength(3);

    const early = await run('reveal', [...out, '--resume'], lines);
    expect(early.code).toBe(3);
    expect(early.stderr).toMatch(
      /^Your hourly quota is used up: there is room again after \d\d:\d\d UTC\.\n/,
    );
    expect(vault.asked).toHaveLength(3);

    // somebody else has a quota of their own
    vault.arn = 'arn:aws:iam::000000000000:user/ada';
    vault.asked = [];
    vault.answer = revealAll;
    // the last line is that of a run which was killed while it wrote
    await writeFile(path('out.json.part'), '["ip_v1', { flag: 'a' });
    expect(await run('reveal', [...out, '--resume'], lines)).toMatchObject({ code: 0 });
    expect(vault.asked.flatMap((request) => request.tokens)).toEqual(tokens(350).slice(200));
    expect(JSON.parse(await read('out.json'))).toHaveLength(350);
    expect(await readdir(directory)).toEqual(['out.json']);
  });

  it('asks for what a quota leaves, and says when there is room again', async () => {
    limitTo(249, new Date(Date.now() + 3_600_000));
    const { code, stderr } = await run('reveal', [], tokens(350).join('\n'));
    expect(code).toBe(3);
    expect(asked()).toEqual([100, 100, 100, 49]);
    expect(stderr).toMatch(
      /Your hourly quota is used up: there is room again after \d\d:\d\d UTC\.\nAnswered: 249 of 350\. Left: 101\./,
    );
  });

  it('asks for nothing early with --resume, also where nothing was answered yet', async () => {
    limitTo(0, new Date(Date.now() + 3_600_000));
    const out = ['--out', path('out.csv')];
    const first = await run('reveal', out, tokens(150).join('\n'));
    expect(first).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/--resume to go on after \d\d:\d\d UTC\.\n$/),
    });
    expect(asked()).toEqual([100]);
    const early = await run('reveal', [...out, '--resume'], tokens(150).join('\n'));
    expect(early).toMatchObject({ code: 3, stderr: first.stderr });
    expect(asked()).toEqual([100]);
  });

  it('waits with --wait until the quota leaves room again', async () => {
    limitTo(120, new Date(Date.now() + 3_000));
    const { code, stderr } = await run('reveal', ['--wait', '--json'], tokens(200).join('\n'));
    expect(code).toBe(0);
    expect(asked()).toEqual([100, 100, 20, 80]);
    expect(stderr).toMatch(/^An hourly limit is used up: waiting until \d\d:\d\d UTC\.\n$/);
  });

  it('asks by smaller requests where the quota itself is small', async () => {
    vault.answer = (request) =>
      request.tokens.length > 30
        ? [429, { error: 'QuotaExceeded', message: 'more than 30', limit: 'quota', remaining: 30 }]
        : revealAll(request);
    expect(await run('reveal', ['--json'], tokens(70).join('\n'))).toMatchObject({ code: 0 });
    expect(asked()).toEqual([70, 30, 30, 10]);
  });

  it('keeps what was answered when the vault breaks down', async () => {
    const out = ['--out', path('out.csv')];
    const lines = tokens(300).join('\n');
    // the vault breaks down for good after the first chunk
    vault.answer = (request) =>
      vault.asked.length > 1 ? [500, { error: 'Other' }] : revealAll(request);
    expect(await run('reveal', out, lines)).toMatchObject({ code: 2 });
    vault.asked = [];
    vault.answer = revealAll;
    expect(await run('reveal', [...out, '--resume'], lines)).toMatchObject({ code: 0 });
    expect(vault.asked).toHaveLength(2);
  });

  it('keeps the answer that was on its way when a person interrupts', async () => {
    const out = ['--out', path('out.csv')];
    const lines = tokens(300).join('\n');
    const running = startCli(['reveal', ...common(), ...out], null, {
      environment: vault.environment,
      input: lines,
    });
    vault.answer = async (request) => {
      running.process.kill('SIGINT');
      await running.printed('Stopping.');
      return revealAll(request);
    };
    expect(await running.ended).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('out.csv.part keeps the answers: add --resume to go on.'),
    });
    vault.answer = revealAll;
    expect(await run('reveal', [...out, '--resume'], lines)).toMatchObject({ code: 0 });
    expect(vault.asked.flatMap((request) => request.tokens)).toEqual(tokens(300));
  });

  it('goes on after a broken seal, and says which tokens were withheld with it', async () => {
    vault.answer = (request) =>
      request.tokens.includes(token(5)) ? [500, { error: 'SealBroken' }] : revealAll(request);
    const { code, stderr } = await run('reveal', ['--json'], tokens(150).join('\n'));
    expect(code).toBe(2);
    expect(stderr).toContain('and 80 more: withheld');
    expect(vault.asked).toHaveLength(2);
  });

  it('writes no file over another one, and asks nothing then', async () => {
    await writeFile(path('out.csv'), 'mine');
    const { code, output } = await run('reveal', ['--out', path('out.csv'), token(1)]);
    expect({ code, asked: vault.asked }).toEqual({ code: 2, asked: [] });
    expect(output).toContain('exists already');
    const nowhere = await run('reveal', ['--out', path('no/out.csv'), token(1)]);
    expect(nowhere).toMatchObject({
      code: 2,
      output: expect.stringContaining('cannot be written'),
    });
    expect(vault.asked).toEqual([]);
  });

  it('shows what a device id hides, and lets no spreadsheet run one', async () => {
    const value = '=cmd|"/c calc"!A1\u202Egnp\u001B[2J';
    vault.answer = () => [
      200,
      { revealed: [{ token: token(1), kind: 'device_id', value }], missing: [] },
    ];
    const table = await run('reveal', [token(1)]);
    expect(table.stdout).toContain('=cmd|"/c calc"!A1\\u{202E}gnp\\u{1B}[2J');
    const csv = await run('reveal', ['--format', 'csv', token(1)]);
    expect(csv.stdout).toContain(`,"'=cmd|""/c calc""!A1`);
    const json = await run('reveal', ['--format', 'json', token(1)]);
    expect(json.stdout).not.toMatch(/\p{Cf}/u);
    expect(json.stdout).not.toContain('\u001B');
    expect(JSON.parse(json.stdout)).toMatchObject([{ value }]);
  });

  it('says whether the permission or the credentials are at fault', async () => {
    vault.answer = () => [403, { Message: 'Forbidden' }];
    expect(await run('reveal', [token(1)])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining(
        'AWS knows you as arn:aws:iam::000000000000:user/grace, and this identity may not call reveal: ask for the managed policy revealer.',
      ),
    });
    vault.arn = null;
    expect(await run('reveal', [token(1)])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('AWS does not accept your credentials'),
    });
  });

  it('asks for nothing without a reason', async () => {
    const parameters = ['reveal', '--stage', 'staging', '--url', vault.url, token(1)];
    const result = await runCli(parameters, null, { environment: vault.environment });
    expect(result).toMatchObject({ code: 2, output: expect.stringContaining('--reason') });
    expect(vault.asked).toEqual([]);
  });
});

const whoami = () =>
  runCli(['whoami', '--stage', 'staging'], null, { environment: vault.environment });

describe('pii-vault whoami', () => {
  it('names the identity, and calls no URL of the vault', async () => {
    const { code, stdout } = await whoami();
    expect(code).toBe(0);
    expect(stdout).toContain('arn:aws:iam::000000000000:user/grace');
    expect(vault.asked).toEqual([]);
  });

  it('says on the local stage without --as that this is the root', async () => {
    const { stdout } = await runCli(['whoami'], vault.environment);
    expect(stdout).toContain('everything: this is the root of the local account');
  });

  it('says that AWS does not accept the credentials', async () => {
    vault.arn = null;
    expect(await whoami()).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('AWS does not accept your credentials'),
    });
  });
});

describe('pii-vault tokenize', () => {
  beforeEach(() => {
    vault.answer = ({ values }) => [
      200,
      { tokens: values.map((value) => ({ token: `t-${value}`, held: value !== '192.0.2.2' })) },
    ];
  });

  it('finds tokens of values from standard input, equal ones by one look-up', async () => {
    const input = '2001:DB8::1\n192.0.2.2\n2001:db8:0:0:0:0:0:1\nno address\n';
    const { code, stdout, stderr } = await run('tokenize', ['--kind', 'ip', '--json'], input);
    expect(code).toBe(1);
    expect(vault.asked.map(({ values }) => values)).toEqual([['2001:db8::1', '192.0.2.2']]);
    expect(JSON.parse(stdout)).toMatchObject({
      results: [
        { value: '2001:DB8::1', token: 't-2001:db8::1', status: 'held' },
        { value: '192.0.2.2', token: 't-192.0.2.2', status: 'unknown' },
        { value: '2001:db8:0:0:0:0:0:1', token: 't-2001:db8::1', status: 'held' },
        { value: 'no address', token: null, status: 'malformed' },
      ],
    });
    expect(stderr).toBe('Line 4: not a valid value.\nLine 2: unknown.\n');
  });

  it('takes no value as an argument, and does not repeat it', async () => {
    const { code, output } = await run('tokenize', ['--kind', 'ip', '198.51.100.7']);
    expect({ code, asked: vault.asked }).toEqual({ code: 2, asked: [] });
    expect(output).toContain('not taken as arguments');
    expect(output).not.toContain('198.51');
  });
});
