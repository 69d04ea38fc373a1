import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { roles } from '../../../db/roles.ts';
import { lines, writeEnvFiles } from '../../../scripts/local/env-file.ts';
import { rolePasswords } from '../../../scripts/local/passwords.ts';
import { readSettings } from '../../../scripts/local/settings.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pii-vault-env-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** Writes the files as a start does; returns the passwords. */
async function write() {
  const settings = readSettings({ VAULT_LOCAL_DIR: directory });
  const passwords = { postgres: 'of-the-superuser', ...(await rolePasswords(settings)) };
  const database = { host: '127.0.0.1', port: 15_432, passwords };
  const queues = {
    login: 'http://127.0.0.1:4566/1/login',
    deadLetter: 'http://127.0.0.1/1/dead',
  };
  const urls = {
    REVEAL_URL: 'http://127.0.0.1:4566/_aws/lambda-url/r/',
    TOKENIZE_URL: 'http://127.0.0.1:4566/_aws/lambda-url/t/',
    ERASE_URL: 'http://127.0.0.1:4566/_aws/lambda-url/e/',
  };
  await writeEnvFiles(settings, database, queues, urls);
  return passwords;
}

describe('the files of .local that hold logins', () => {
  const names = [
    'AWS_ENDPOINT_URL',
    'AWS_REGION',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'LOGIN_QUEUE_URL',
    'DEAD_LETTER_QUEUE_URL',
    'REVEAL_URL',
    'TOKENIZE_URL',
    'ERASE_URL',
    'DATABASE_URL',
    'ANALYST_DATABASE_URL',
    'AUDITOR_DATABASE_URL',
  ];
  test.each(['env', 'roles.env', 'stack.json'])(
    '%s can be read by this user only',
    async (name) => {
      await write();
      expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    },
  );

  test('env is read alike by a shell and by Node', async () => {
    await write();
    const path = join(directory, 'env');
    const read = parseEnv(await readFile(path, 'utf8'));
    expect(Object.keys(read).toSorted()).toEqual(names.toSorted());
    const script = `set -a; . "$1"; shift; for name; do eval "echo \\"$name=\\$$name\\""; done`;
    const shell = execFileSync('sh', ['-c', script, 'sh', path, ...names], { env: {} });
    expect(parseEnv(shell.toString())).toEqual(read);
  });

  test('roles.env has one login for each role, each with a password of its own', async () => {
    const passwords = await write();
    const read = parseEnv(await readFile(join(directory, 'roles.env'), 'utf8'));
    expect(Object.keys(read).toSorted()).toEqual(
      roles.map((role) => `${role.toUpperCase()}_DATABASE_URL`).toSorted(),
    );
    for (const role of roles) {
      const url = new URL(read[`${role.toUpperCase()}_DATABASE_URL`]!);
      expect([url.username, url.password]).toEqual([role, passwords[role]]);
    }
    expect(new Set(Object.values(passwords)).size).toBe(Object.keys(passwords).length);
  });

  test('keep the passwords of the start before', async () => {
    expect(await write()).toEqual(await write());
  });

  test.each(['a b', '$HOME', '`id`', 'a;b', '"', '#', ''])(
    'hold the value %o as it is',
    (value) => {
      const text = lines([['NAME', value]]);
      expect(parseEnv(text)['NAME']).toBe(value);
      const shell = execFileSync('sh', ['-c', `${text}printf %s "$NAME"`]);
      expect(shell.toString()).toBe(value);
    },
  );
});
