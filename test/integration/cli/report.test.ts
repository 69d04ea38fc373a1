import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type AwsServer, startAwsServer, storedMessage } from '../../helpers/aws-server.ts';
import { appendRows } from '../../helpers/audit.ts';
import { runCli } from '../../helpers/cli.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { login, storeLogins } from '../../helpers/logins.ts';

const script = '<script>alert(1)</script>';

let database: TestDatabase;
let aws: AwsServer;
let directory: string;
beforeEach(async () => {
  database = await createTestDatabase();
  aws = await startAwsServer();
  directory = await mkdtemp(join(tmpdir(), 'pii-vault-report-'));
});
afterEach(async () => {
  await aws.close();
  await database.drop();
  await rm(directory, { recursive: true });
});

const file = () => join(directory, 'report.html');
const url = (role: string) =>
  `postgresql://${role}:${testPassword}@127.0.0.1:${database.port}/${database.name}`;
const readPage = () => readFile(file(), 'utf8');

/** Runs the command where only analyst and auditor can log in; `changes` replace their URLs. */
function run(changes: Readonly<Record<string, string>> = {}): ReturnType<typeof runCli> {
  return runCli(['report', '--out', file()], {
    ...aws.environment,
    VAULT_ANALYST_DATABASE_URL: url('vault_analyst'),
    VAULT_AUDITOR_DATABASE_URL: url('vault_auditor'),
    ...changes,
  });
}

describe('pii-vault report', () => {
  it('writes one page that only its owner can read', async () => {
    await storeLogins(database.admin, [
      login({ user: 'a', ip: 'ip_v1_x', deviceType: 'watch' }),
      login({ user: 'b', ip: 'ip_v1_x', version: 1_002_003 }),
    ]);
    await appendRows(database.as('vault_reveal'), 3);
    aws.dead = ['invalid_json', 'invalid_json', 'invalid_field:ip'].map((reason) =>
      storedMessage({ body: 'canary', attributes: { reason } }),
    );
    const { code, stdout, stderr } = await run();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`The report is in ${file()}.\n`);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['report.html']);

    const page = await readPage();
    expect(page).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
    for (const text of ['watch', '1.2.3', 'invalid_json', 'invalid_field:ip', 'grace', 'ip_v1_x']) {
      expect(page).toContain(text);
    }
    expect(page).not.toContain('canary');
    // for others, the dead-letter messages are where they were
    expect(aws.dead.map(({ hiddenUntil }) => hiddenUntil)).toEqual([0, 0, 0]);
  });

  it('says so where there is nothing yet', async () => {
    expect(await run()).toMatchObject({ code: 0, stderr: '' });
    const page = await readPage();
    expect(page).toContain('Nothing: there are no logins yet.');
    expect(page).toContain('The dead-letter queue is empty.');
    expect(page).toContain('Nobody has asked for a reveal yet.');
    expect(page).not.toMatch(/NaN|undefined|Infinity|null|\[object/);
  });

  it('loads nothing, and runs nothing that somebody logged in with', async () => {
    const user = `${script}"'\u202Eevil`;
    const shared = { deviceType: script, ip: `"><img src=x onerror=alert(1)>` };
    await storeLogins(database.admin, [
      login({ ...shared, user }),
      login({ ...shared, user: '&lt;' }),
    ]);
    await appendRows(database.as('vault_reveal'), 1);
    aws.dead = [storedMessage({ attributes: { reason: script } })];
    expect(await run()).toMatchObject({ code: 0, stderr: '' });
    const page = await readPage();
    expect(page).not.toMatch(
      /<script|<img|<link|<iframe|javascript:|<[^>]*\b(?:src|href)=|url\(|@import|https?:/i,
    );
    expect(page).not.toContain('\u202E');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;\\u{202E}evil');
    expect(page).toContain('&amp;lt;');
    expect(page).toContain(
      `content="default-src 'none'; style-src 'unsafe-inline';`.replaceAll("'", '&#39;'),
    );
  });

  it('leaves out what may not be read, and says so', async () => {
    await aws.close();
    const refused = `postgresql://vault_auditor:wrong@127.0.0.1:${database.port}/${database.name}`;
    const { code, stderr } = await run({ VAULT_AUDITOR_DATABASE_URL: refused });
    expect(code).toBe(0);
    expect(stderr).toContain(
      'The audit is left out: Access denied: the database refuses the login',
    );
    expect(stderr).toContain('The queues are left out: The login queue: no answer (ECONNREFUSED)');
    const page = await readPage();
    expect(page).toContain('Not shown: Access denied');
    expect(page).toContain('Not shown: The login queue: no answer');
    aws = await startAwsServer();
  });

  it('shows the age of data keys where the auditor may see it', async () => {
    await database.admin.query(
      `insert into vault.data_keys values
         (gen_random_uuid(), '\\x01', 'arn:aws:kms:eu-west-1:111122223333:key/a', now() - interval '10 days'),
         (gen_random_uuid(), '\\x01', 'arn:aws:kms:eu-west-1:111122223333:key/a', now())`,
    );
    await run();
    const page = await readPage();
    expect(page).toContain('arn:aws:kms:eu-west-1:111122223333:key/a');
    expect(page).toContain('10 days old');

    await rm(file());
    await database.admin.query(
      'revoke select (kms_key_arn, created_at) on vault.data_keys from vault_auditor',
    );
    await run();
    expect(await readPage()).toContain('vault_auditor may not read vault.data_keys');
  });

  it.each([
    [
      'nothing can be read',
      { VAULT_ANALYST_DATABASE_URL: 'postgresql://vault_analyst:x@127.0.0.1:1/x' },
    ],
  ])('leaves no file when %s', async (_, changes) => {
    expect(await run(changes)).toMatchObject({ code: 2, stdout: '' });
    expect(await readdir(directory)).toEqual([]);
  });

  it('reads nothing for a file that it cannot write', async () => {
    const nowhere = join(directory, 'no', 'report.html');
    const refused = { VAULT_ANALYST_DATABASE_URL: 'postgresql://vault_analyst:x@127.0.0.1:1/x' };
    const { code, stderr } = await runCli(['report', '--out', nowhere], {
      ...aws.environment,
      ...refused,
    });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `${nowhere} cannot be written: there is no such file or directory.\n`,
    });
  });

  it('writes over no other file', async () => {
    await writeFile(file(), 'an older report');
    expect(await run()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('exists already'),
    });
    expect(await readPage()).toBe('an older report');
  });

  it('names the limit of the database that ended the work', async () => {
    await storeLogins(database.admin, [login()]);
    await database.admin.query(
      `alter role vault_analyst in database ${database.name} set statement_timeout = '1ms'`,
    );
    await storeLogins(
      database.admin,
      Array.from({ length: 20_000 }, (_, n) => login({ user: `u${n}` })),
    );
    const { code, stderr } = await run();
    expect(stderr).toContain(
      'A query took longer than the statement_timeout of vault_analyst allows.',
    );
    expect(code).toBe(2);
  });
});
