import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { run as runProgram } from '../../scripts/local/command.ts';
import { copyService } from '../../scripts/local/service-copy.ts';
import { offlineEnvironment, readSettings } from '../../scripts/local/settings.ts';
import { program } from '../../scripts/local/sls.ts';
import { freePort } from '../helpers/cluster.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pii-vault-start-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('--help', () => {
  test.each([
    ['scripts/start.ts', 'npm start [-- --file PATH]'],
    ['scripts/stop.ts', 'npm stop [-- --keep-data]'],
    ['scripts/make-sample.ts', 'npm run sample'],
    ['scripts/picture.ts', 'npm start | npm run -s picture'],
    ['scripts/package-prod.ts', 'npm run package:prod'],
    ['scripts/test-faults.ts', 'npm run test:faults'],
    ['test/bench/main.ts', 'npm run bench'],
  ])('lets %s print its usage and do nothing', async (script, usage) => {
    const { code, stdout, stderr } = await run(script, ['--help']);
    expect(stdout.startsWith(usage)).toBe(true);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('npx sls, typed by hand for the stage local', () => {
  test.each(['invoke -f reveal', 'deploy', 'info', 'remove'])(
    'refuses to %s where no stack is up',
    async (command) => {
      const { code, stdout, stderr } = await sls(...command.split(' '));
      expect(stdout + stderr).toContain('There is no local stack: npm start');
      expect(code).toBe(1);
    },
  );

  test('leaves nothing that others may read', async () => {
    const service = join(directory, 'service');
    await copyService(readSettings({}).service, service);
    const before = process.umask(0o022);
    try {
      expect(await sls('package')).toMatchObject({ code: 0 });
    } finally {
      process.umask(before);
    }
    const left = await readdir(join(service, '.serverless'));
    expect(left).toContain('serverless-state.json');
    for (const name of left) {
      expect((await stat(join(service, '.serverless', name))).mode & 0o077, name).toBe(0);
    }
  });
});

describe('npm start', () => {
  test('says that the file does not exist', async () => {
    const { code, stderr } = await start(['--file', 'nowhere.jsonl']);
    expect(stderr).toBe('There is no file nowhere.jsonl\n');
    expect(code).toBe(1);
  });

  test.each([
    ['is empty', '', 'is empty: it holds no message'],
    ['has only blank lines', '\n\r\n', 'is empty: it holds no message'],
    ['is binary', '\u007fELF\u0001\0\0\n\0', 'is not text in UTF-8'],
    ['is in UTF-16', Buffer.from('{"user_id":"a"}\n', 'utf16le'), 'is not text in UTF-8'],
  ])('says that the file %s', async (_, content, problem) => {
    const path = join(directory, 'own.jsonl');
    await writeFile(path, content);
    const { code, stderr } = await start(['--file', path]);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr).toContain(`${path} ${problem}`);
    expect(code).toBe(1);
  });

  test('says that the file is a directory', async () => {
    const { code, stderr } = await start(['--file', directory]);
    expect(stderr).toBe(`${directory} is a directory, not a file of messages\n`);
    expect(code).toBe(1);
  });

  test('says why the file cannot be read', async () => {
    const path = join(directory, 'own.jsonl');
    await symlink(path, path);
    const { code, stderr } = await start(['--file', path]);
    expect(stderr).toBe(`${path} cannot be read: ELOOP: too many symbolic links encountered\n`);
    expect(code).toBe(1);
  });

  test.each([
    ['has ended', () => `${endedProcess()} start\n`],
    ['has another process now', () => `${process.pid} start\n`],
    ['never wrote', () => ''],
  ])('takes over the lock whose holder %s', async (_, lock) => {
    await writeFile(join(directory, 'lock'), lock());
    await besideStranger(async (port) => {
      const { stderr } = await start([], { VAULT_DATABASE_PORT: String(port) });
      expect(stderr).toContain(`Port ${port}`);
    });
    expect(await readdir(directory)).toEqual([]);
  });

  test('says which option it does not know', async () => {
    const { code, stderr } = await start(['--fiel', 'x']);
    expect(stderr).toMatch(/^Unknown option '--fiel'.*\n\nnpm start /);
    expect(code).toBe(2);
  });

  test.each([
    ['VAULT_DATABASE_PORT', (port: number) => String(port)],
    ['AWS_ENDPOINT_URL', (port: number) => `http://127.0.0.1:${port}`],
  ])('says that the port of %s is taken, and leaves nothing up', async (variable, value) => {
    await besideStranger(async (port) => {
      const { code, stderr } = await start([], { [variable]: value(port) });
      expect(stderr).toMatch(
        new RegExp(`^Port ${port}, which .* is taken by something else\\..*\n$`),
      );
      expect(stderr).toContain(variable);
      expect(code).toBe(1);
    });
    expect(await readdir(directory)).not.toContain('stack.json');
  });

  test('says that a port is not a number', async () => {
    const { code, stderr } = await start([], { VAULT_DATABASE_PORT: 'many' });
    expect(stderr).toBe('VAULT_DATABASE_PORT is not a port number: many\n');
    expect(code).toBe(1);
  });
});

/** Runs `sls` as a person types it who has set nothing, in the service or its copy. */
async function sls(...parameters: string[]) {
  const service = join(directory, 'service');
  const cwd = existsSync(service) ? service : readSettings({}).service;
  const env = { ...offlineEnvironment(), VAULT_LOCAL_DIR: directory };
  return runProgram(process.execPath, [await program(), ...parameters, '--stage', 'local'], {
    cwd,
    env,
  });
}

/** The pid of a process that is no more. */
function endedProcess(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

/** Does something while another program listens on a port of this machine. */
async function besideStranger(work: (port: number) => Promise<void>): Promise<void> {
  const stranger = createServer((socket) => socket.destroy());
  const port = await new Promise<number>((resolve) => {
    stranger.listen(0, '127.0.0.1', () => {
      const address = stranger.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  try {
    await work(port);
  } finally {
    stranger.close();
  }
}

function start(parameters: string[], variables: Record<string, string> = {}) {
  return run('scripts/start.ts', parameters, variables);
}

async function run(script: string, parameters: string[], variables: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    ['--no-warnings', '--import', 'tsx', script, ...parameters],
    {
      env: {
        VAULT_LOCAL_DIR: directory,
        VAULT_DATABASE_PORT: String(await freePort()),
        AWS_ENDPOINT_URL: `http://127.0.0.1:${await freePort()}`,
        ...variables,
      },
      stdin: 'ignore',
      reject: false,
      stripFinalNewline: false,
    },
  );
  return { code: exitCode, stdout, stderr };
}
