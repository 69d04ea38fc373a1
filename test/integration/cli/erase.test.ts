import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { erase, type EraseCertificate } from '../../../lib/requests/erase.ts';
import { lift } from '../../../lib/requests/lift.ts';
import { parseEraseRequest } from '../../../lib/requests/request.ts';
import { openAudit, someToken } from '../../helpers/audit.ts';
import { type CliResult, runCli } from '../../helpers/cli.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { eraseDeps } from '../../helpers/vault.ts';
import { startVaultServer, type VaultServer } from '../../helpers/vault-server.ts';

let database: TestDatabase;
let vault: VaultServer;
let directory: string;
let out: string;

beforeEach(async () => {
  database = await createTestDatabase();
  vault = await startVaultServer();
  directory = await mkdtemp(join(tmpdir(), 'pii-vault-erase-'));
  out = join(directory, 'certificates.json');
  const principal = { id: 'arn:aws:iam::000000000000:user/officer', source: 'iam' } as const;
  const deps = eraseDeps(database);
  vault.answer = async (body) => {
    const { action, ...request } = parseEraseRequest(body);
    const requestId = `request-${vault.asked.length}`;
    return [
      200,
      action === 'lift'
        ? await lift(request, principal, requestId, deps)
        : await erase(request, principal, requestId, deps, action === 'suppress'),
    ];
  };
});

afterEach(async () => {
  await vault.close();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

function run(...parameters: string[]): Promise<CliResult> {
  const { port, name } = database;
  const DATABASE_URL = `postgresql://postgres:${testPassword}@127.0.0.1:${port}/${name}`;
  return runCli(parameters, { ...vault.environment, DATABASE_URL });
}

const eraseThem = (...parameters: string[]) =>
  run(
    'erase',
    '--url',
    vault.url,
    '--reason',
    'erasure request 2026-17',
    '--out',
    out,
    ...parameters,
  );

/** Logins of users, each a user id and the numbers of the tokens of address and device. */
async function addLogins(...logins: [string, number, number][]): Promise<void> {
  for (const [user, ip, device] of logins) {
    await database.admin.query(
      'insert into public.user_logins (user_id, masked_ip, masked_device_id) values ($1, $2, $3)',
      [user, someToken(ip), someToken(device).replace('ip_', 'device_id_')],
    );
  }
}

async function certificates(): Promise<EraseCertificate[]> {
  return JSON.parse(await readFile(out, 'utf8')) as EraseCertificate[];
}

describe('pii-vault erase', () => {
  it('shows the tokens of a user and who shares them, erases them, and verify takes the certificate', async () => {
    await addLogins(['ada', 1, 2], ['ada', 1, 3], ['bob', 1, 4], ['cy', 1, 2], ['cy', 5, 6]);
    const look = await run('erase', '--user-id', 'ada', '--dry-run');
    expect(look).toMatchObject({ code: 0, stdout: 'Nothing was erased.\n' });
    expect(look.stderr).toContain(someToken(1));
    expect(vault.asked).toEqual([]);
    expect(await run('erase', '--user-id', 'ada', '--dry-run', '--out', out)).toMatchObject({
      code: 2,
    });
    const { code, stderr, stdout } = await eraseThem('--user-id', 'ada', '--yes');
    expect(stderr.replaceAll(/ +/g, ' ')).toContain(`1 ${someToken(1)} 2 2\n`);
    expect(stderr.replaceAll(/ +/g, ' ')).toMatch(
      /2 device_id_v1_A+2A 1 1\n3 device_id_v1_A+3A 1 0\n/,
    );
    // the vault holds no value for them here
    expect({ code, stdout }).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('Erased 0'),
    });
    expect(vault.asked.map(({ tokens }) => tokens.length)).toEqual([3]);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect((await certificates())[0]).toMatchObject({ reason: 'erasure request 2026-17' });

    expect(await run('verify', '--certificate', out)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('The certificate agrees'),
    });
  });

  it('erases for good, which verify finds in the audit, and lifts that', async () => {
    const tokens = [someToken(1), someToken(2)];
    // the vault holds no value for them, and suppresses them all the same
    expect(await eraseThem(...tokens, '--suppress', '--yes')).toMatchObject({
      code: 1,
      stdout: `Erased 0 values now; 2 tokens had no value. Suppressed: 2 (npx pii-vault lift ends that). Keep the certificates in ${out}.\n`,
    });
    expect(await certificates()).toMatchObject([{ suppressed: true, reason: expect.any(String) }]);
    expect(await run('verify', '--certificate', out)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('The certificate agrees'),
    });
    const liftThem = (...more: string[]) =>
      run(
        'lift',
        '--url',
        vault.url,
        '--reason',
        'objection 2026-17 withdrawn',
        ...tokens,
        ...more,
      );
    const { answer } = vault;
    vault.answer = () => [403, {}];
    const denied = await liftThem();
    expect(denied).toMatchObject({ code: 3, stderr: expect.stringMatching(/Tokens left: 2\.$/m) });
    vault.answer = answer;
    expect(await liftThem()).toMatchObject({ code: 0, stdout: 'Lifted 2 suppressions.\n' });
    expect(await liftThem('not a token', '--json')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('"missing": 2'),
      stderr: expect.stringContaining('Tokens that were not suppressed: 2.'),
    });
  });

  it('is done where all values were erased before and are suppressed now', async () => {
    const missing = [{ token: someToken(1), why: 'erased' }];
    vault.answer = () => [200, { erased: [], missing, suppressed: true }];
    expect(await eraseThem(someToken(1), '--suppress', '--yes')).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  it('lets verify find a certificate that is not the audit’s', async () => {
    expect(await eraseThem('--yes', someToken(1), someToken(2))).toMatchObject({ code: 1 });
    const [certificate] = await certificates();
    const changed = { ...certificate, reason: 'erasure request 2026-18' };
    await writeFile(out, JSON.stringify([certificate, changed]));
    const { code, stderr } = await run('verify', '--certificate', out);
    expect(code).toBe(1);
    expect(stderr).toContain(`${out}, certificate 2 (request request-1): the audit has another`);
    expect(stderr).toContain('another reason');
    expect(stderr).not.toContain('certificate 1 ');
  });

  it.each([1, 99_999_999])(
    'does not take a certificate of a wrong row, %i, for a changed audit',
    async (id) => {
      await eraseThem('--yes', someToken(1), someToken(2));
      const [certificate] = await certificates();
      await writeFile(
        out,
        JSON.stringify({ ...certificate, audit: { ...certificate!.audit, id } }),
      );
      const { code, stderr } = await run('verify', '--certificate', out);
      expect(code).toBe(1);
      expect(stderr).toContain('The audit’s own chain is right.');
      expect(stderr).not.toMatch(/Audit row|cut off/);
    },
  );

  it('lets verify find that the audit was rewritten after a certificate', async () => {
    await eraseThem('--yes', someToken(1));
    await openAudit(database.admin);
    await database.admin.query('delete from vault.reveal_audit');
    expect(await run('verify', '--certificate', out)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('audit row 1 is missing'),
    });
  });

  it('goes on with --resume, and erases and audits nothing twice', async () => {
    const tokens = Array.from({ length: 250 }, (_, n) => someToken(n));
    const list = join(directory, 'tokens.txt');
    await writeFile(list, tokens.join('\n'));
    const answer = vault.answer;
    vault.answer = (request) =>
      vault.asked.length > 1
        ? [429, { error: 'QuotaExceeded', message: 'none is left', limit: 'quota' }]
        : answer(request);
    expect(await eraseThem('--yes', '--file', list)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining(
        'Tokens left: 150. Run the same command with --resume to go on.',
      ),
    });
    vault.answer = answer;
    expect(await eraseThem('--yes', '--file', list)).toMatchObject({ code: 2 });
    expect(await eraseThem('--yes', '--file', list, '--resume')).toMatchObject({ code: 1 });
    const { rows } = await database.admin.query<{ count: string }>(
      'select count(*), count(distinct token) as tokens from vault.reveal_audit',
    );
    expect(rows).toEqual([{ count: '250', tokens: '250' }]);
    expect(await run('verify', '--certificate', out)).toMatchObject({ code: 0 });
  });

  it('does not ask with --resume before a limit leaves room again', async () => {
    const answer = vault.answer;
    const retryAt = new Date(Date.now() + 3_600_000).toISOString();
    const denied = { error: 'QuotaExceeded', message: 'none is left', limit: 'quota', retryAt };
    vault.answer = (request) =>
      vault.asked.length > 1 ? [429, { ...denied, remaining: 0 }] : answer(request);
    const list = join(directory, 'tokens.txt');
    await writeFile(list, Array.from({ length: 150 }, (_, n) => someToken(n)).join('\n'));
    expect(await eraseThem('--yes', '--file', list)).toMatchObject({ code: 3 });
    const asked = vault.asked.length;

    expect(await eraseThem('--yes', '--file', list, '--resume')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('Your hourly quota is used up: there is room again after'),
    });
    expect(vault.asked).toHaveLength(asked);

    vault.answer = answer;
    vault.arn = 'arn:aws:iam::000000000000:user/somebody-else';
    expect(await eraseThem('--yes', '--file', list, '--resume')).toMatchObject({ code: 1 });
    expect((await readdir(directory)).toSorted()).toEqual(['certificates.json', 'tokens.txt']);
  });

  it('erases nothing unasked where there is nobody to ask, and leaves no file', async () => {
    await addLogins(['ada', 1, 2]);
    expect(await eraseThem(someToken(1))).toMatchObject({ code: 2 });
    expect(await eraseThem('--user-id', 'ada')).toMatchObject({ code: 2 });
    expect(await eraseThem('--user-id', 'nobody', '--yes')).toMatchObject({
      code: 1,
      output: expect.stringContaining('no logins'),
    });
    expect({ asked: vault.asked, files: await readdir(directory) }).toEqual({
      asked: [],
      files: [],
    });
  });
});

const found = async (...parameters: string[]) => {
  const { stdout } = await run('audit', '--json', ...parameters);
  return (JSON.parse(stdout) as { rows: { token: string }[] }).rows.map(({ token }) => token);
};

describe('pii-vault audit', () => {
  beforeEach(async () => {
    await eraseThem('--yes', someToken(1), someToken(2));
  });

  it('finds rows by token, person, action and period', async () => {
    const both = [someToken(1), someToken(2)];
    const month = new Date().toISOString().slice(0, 7);
    expect(await found()).toEqual(both);
    expect(await found('--token', someToken(2))).toEqual([someToken(2)]);
    expect(await found('--person', 'USER/officer')).toEqual(both);
    expect(await found('--person', '%')).toEqual([]);
    expect(await found('--action', 'erase', '--from', month, '--to', month)).toEqual(both);
    expect(await found('--action', 'reveal')).toEqual([]);
    expect(await found('--to', '2020-12')).toEqual([]);
    expect(await found('--from', '2099-01-01')).toEqual([]);
  });

  it('writes a month as CSV to a file that only this user may read', async () => {
    const file = join(directory, 'audit.csv');
    expect(await run('audit', '--out', file)).toMatchObject({
      code: 0,
      stdout: `Wrote 2 rows to ${file}.\n`,
    });
    const [header, first, second, ...rest] = (await readFile(file, 'utf8')).split('\n');
    expect(header).toBe('at,action,principal,source,token,outcome,reason,requestId,id,detail');
    expect(first).toContain(`,erase,arn:aws:iam::000000000000:user/officer,iam,${someToken(1)},`);
    expect(second).toContain(someToken(2));
    expect(rest).toEqual(['']);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('reads more rows than a page, and shows no more on a terminal than a person reads', async () => {
    const tokens = Array.from({ length: 1_200 }, (_, n) => someToken(n + 10)).join('\n');
    const list = join(directory, 'tokens.txt');
    await writeFile(list, tokens);
    await rm(out);
    await eraseThem('--yes', '--file', list);
    const { stdout } = await run('audit', '--format', 'csv');
    expect(stdout.trim().split('\n')).toHaveLength(1_203);
    expect(await run('audit')).toMatchObject({
      code: 2,
      output: expect.stringContaining('more than 1000 rows'),
    });
  });

  it('names the filters where it finds nothing', async () => {
    expect(await run('audit', '--action', 'reveal', '--to', '2020-12')).toMatchObject({
      code: 0,
      stdout: 'No audit row was found with --action reveal, --to 2020-12.\n',
    });
  });

  it('refuses a search that can find nothing, and shows no value', async () => {
    const noToken = await run('audit', '--token', '198.51.100.7');
    expect(noToken).toMatchObject({ code: 2, stderr: '--token is not a token.\n' });
    expect(await run('audit', '--from', '2026-12', '--to', '2026-11')).toMatchObject({
      code: 2,
      stderr: '--from is after --to.\n',
    });
    expect(await run('audit', '--from', '2026-11-30', '--to', '2026-11')).toMatchObject({
      code: 0,
    });
  });

  it('takes no day that does not exist', async () => {
    expect(await run('audit', '--from', '2026-02-30')).toMatchObject({ code: 2 });
  });
});
