import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createSqsClient } from '../../lib/sqs.ts';
import { writeEnvFiles } from '../../scripts/local/env-file.ts';
import { makeIdentities } from '../../scripts/local/identities.ts';
import { findQueues } from '../../scripts/local/queues.ts';
import { localAws } from '../../scripts/local/settings.ts';
import { localDatabase } from '../../scripts/local/stack.ts';
import { readState } from '../../scripts/local/state.ts';
import { loginMessage } from '../helpers/builders.ts';
import { type CliResult, type RunningCli, startCli } from '../helpers/cli.ts';
import {
  describeOnEmulator,
  eventually,
  type OwnStack,
  ownSettings,
  removeOwnStack,
  startOwnStack,
} from './own-stack.ts';

const settings = await ownSettings();
const reason = ['--reason', 'the end-to-end test asks'];
const address = (n: number) => `10.77.${n >> 8}.${n & 255}`;
const loginCount = 250;

function start(parameters: string[], input?: string): RunningCli {
  return startCli(parameters, null, {
    environment: { VAULT_LOCAL_DIR: settings.directory },
    ...(input === undefined ? {} : { input }),
  });
}

function run(parameters: string[], input?: string): Promise<CliResult> {
  return start(parameters, input).ended;
}

describeOnEmulator('the commands for people, against the deployed vault', () => {
  let stack: OwnStack;
  let directory: string;
  const path = (name: string) => join(directory, name);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pii-vault-doors-'));
    stack = await startOwnStack(settings, { revealApprovalAbove: 1_000_000 });
    const { postgres } = await readState(settings);
    const sqs = createSqsClient({ endpoint: stack.endpoint.origin, ...localAws });
    const database = await localDatabase(settings, postgres!);
    await writeEnvFiles(settings, database, await findQueues(sqs));
    const people = await makeIdentities(settings);
    const stranger = { accessKeyId: 'AKIAUNKNOWN000000000', secretAccessKey: 'unknown' };
    await writeFile(
      join(settings.directory, 'identities.json'),
      JSON.stringify({ ...people, stranger }),
    );
    const logins = Array.from({ length: loginCount }, (_, n) =>
      loginMessage({ user_id: `user-${n}`, ip: address(n), device_id: 'shared-device' }),
    );
    await stack.send(...logins);
    await eventually(
      () => stack.query(`select from public.user_logins where user_id like 'user-%'`),
      (rows) => rows.length === loginCount,
    );
  });

  afterAll(async () => {
    await removeOwnStack(settings);
    await rm(directory, { recursive: true, force: true });
  });

  const logins = async () =>
    (await stack.query(
      `select user_id, masked_ip from public.user_logins where user_id like 'user-%'
       order by substr(user_id, 6)::integer`,
    )) as { user_id: string; masked_ip: string }[];

  const limit = (perCaller: number) =>
    stack.query(`update vault.limits set per_caller = $1 where role = 'vault_reveal_url'`, [
      perCaller,
    ]);

  const countRevealed = () =>
    stack.query(
      `select count(*)::integer as rows, count(distinct token)::integer as tokens
       from vault.reveal_audit where action = 'reveal' and outcome = 'revealed'`,
    );

  test('tells each person who they are, and which URL they may call', async () => {
    for (const [person, door] of [
      ['investigator', 'reveal'],
      ['privacy-officer', 'erase'],
      ['analyst', 'tokenize'],
      ['approver', 'approve'],
      ['on-call', 'break-glass'],
    ] as const) {
      const { stdout } = await run(['whoami', '--as', person, '--json']);
      const others = {
        reveal: false,
        tokenize: false,
        erase: false,
        approve: false,
        'break-glass': false,
      };
      expect(JSON.parse(stdout)).toEqual({
        stage: 'local',
        arn: `arn:aws:iam::000000000000:user/${person}`,
        mayCall: { ...others, [door]: true },
        problems: [],
      });
    }
  });

  test('reveals a CSV of 250 tokens, and with --resume audits nothing twice', async () => {
    const rows = await logins();
    const lines = rows.map((row) => `${row.user_id},${row.masked_ip},"a, note"`);
    await writeFile(path('cases.csv'), `user,masked_ip,note\n${lines.join('\n')}\n`);
    const csv = ['--csv', path('cases.csv'), '--column', 'masked_ip', '--out', path('out.csv')];
    const reveal = ['reveal', '--as', 'investigator', ...csv, ...reason];

    await limit(130);
    const refused = await run(reveal);
    expect(refused).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('Your hourly quota is used up: there is room again after'),
    });
    expect(refused.stderr).toContain('Answered: 130 of 250. Left: 120.');
    expect(await readdir(directory)).toEqual(['cases.csv', 'out.csv.part']);

    await limit(1000);
    // as if the hour were over, which the file waits for
    const part = await readFile(path('out.csv.part'), 'utf8');
    await writeFile(path('out.csv.part'), part.replace(/"until":"20\d\d/, '"until":"2000'));
    expect(await run([...reveal, '--resume'])).toMatchObject({ code: 0 });
    const expected = lines.map((line, n) => `${line},${address(n)}`);
    expect(await readFile(path('out.csv'), 'utf8')).toBe(
      `user,masked_ip,note,masked_ip_revealed\n${expected.join('\n')}\n`,
    );
    expect(await countRevealed()).toEqual([{ rows: loginCount, tokens: loginCount }]);
  });

  test('finds the tokens of addresses that are in no process list', async () => {
    const addresses = Array.from({ length: loginCount }, (_, n) => address(n));
    const look = ['tokenize', '--as', 'analyst', '--kind', 'ip', '--json', ...reason];
    const running = start(look, `${addresses.join('\n')}\n192.0.2.1\n`);
    const seen = [];
    while (running.process.exitCode === null) {
      seen.push(await commandLines());
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { code, stdout } = await running.ended;
    expect(seen.join()).toContain('tokenize');
    expect(seen.join()).not.toContain('10.77.');
    const rows = await logins();
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      found: loginCount,
      missing: 1,
      results: [
        ...rows.map((row, n) => ({ value: address(n), token: row.masked_ip, status: 'held' })),
        { value: '192.0.2.1', status: 'unknown' },
      ],
    });
  });

  test('lets nobody do the work of another, and audits no attempt', async () => {
    const [login] = await logins();
    const token = login!.masked_ip;
    const before = await stack.query('select count(*) from vault.reveal_audit');
    const out = ['--out', path('no.json')];
    for (const [person, policy, parameters] of [
      ['investigator', 'eraser', ['erase', token, '--yes', ...out]],
      ['privacy-officer', 'revealer', ['reveal', token]],
      ['analyst', 'revealer', ['reveal', token]],
    ] as const) {
      const { code, stdout, stderr } = await run([...parameters, '--as', person, ...reason]);
      expect({ code, person }).toEqual({ code: 3, person });
      expect(stdout).not.toContain(address(0));
      expect(stderr).toContain(
        `AWS knows you as arn:aws:iam::000000000000:user/${person}, and this identity may not call`,
      );
      expect(stderr).toContain(`ask for the managed policy ${policy}.`);
    }
    expect(await stack.query('select count(*) from vault.reveal_audit')).toEqual(before);
    expect(await readdir(directory)).not.toContain('no.json');
  });

  test('has somebody else approve a large reveal, which is then used once', async () => {
    await limit(10_000);
    await stack.query('update vault.approval_rule set above = 20');
    const tokens = (await logins()).slice(0, 40).map((row) => row.masked_ip);
    await writeFile(path('tokens.txt'), tokens.join('\n'));
    const many = ['--file', path('tokens.txt'), '--as', 'investigator', '--json', ...reason];
    const refused = await run(['reveal', ...many]);
    expect(refused).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^Somebody else has to approve so many tokens/),
    });
    expect(refused.stdout).not.toContain(address(0));
    // the same tokens and reason are the same request
    const { id } = JSON.parse((await run(['request', ...many])).stdout) as { id: string };
    expect(refused.stderr).toContain(`request ${id} waits for that`);

    const approve = ['approve', id, '--yes', '--reason', 'the case is assigned to them'];
    expect(await run([...approve, '--as', 'investigator'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('ask for the managed policy approver.'),
    });
    const listed = await run(['requests', '--as', 'approver', '--json']);
    expect(JSON.parse(listed.stdout)).toMatchObject({ requests: [{ id, tokens: 40 }] });
    const use = ['reveal', '--approval', id, ...many];
    expect(await run(use)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('Nobody has approved the request yet.'),
    });
    expect(await run([...approve, '--as', 'approver'])).toMatchObject({
      code: 0,
      stdout: `Request ${id} is approved. Its caller can use it once, within an hour.\n`,
      stderr: expect.stringContaining('user/investigator'),
    });
    const { code, stdout } = await run(use);
    expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({ code: 0, found: 40 });
    expect(stdout).toContain(address(39));
    expect(await run(use)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('The approval was used before'),
    });
    const states = await run(['audit', '--action', 'approval', '--json']);
    const { rows } = JSON.parse(states.stdout) as { rows: { outcome: string; detail: string }[] };
    expect(rows.map(({ outcome }) => outcome)).toEqual([
      'requested',
      'denied',
      'approved',
      'used',
      'denied',
    ]);
    expect(await run(['verify'])).toMatchObject({ code: 0 });
  });

  test('reveals in an emergency without an approval, until somebody else has acknowledged it', async () => {
    const tokens = (await logins()).slice(0, 40).map((row) => row.masked_ip);
    const emergency = ['reveal', '--break-glass', ...tokens, ...reason];
    expect(await run([...emergency, '--as', 'investigator'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('ask for the managed policy break-glass.'),
    });
    expect(await run([...emergency, '--as', 'on-call'])).toMatchObject({ code: 0 });
    await expect(stack.invoke('maintain')).rejects.toThrow('BreakGlassOpen');
    const listed = await run(['requests', '--as', 'approver', '--json']);
    const { breakGlass } = JSON.parse(listed.stdout) as { breakGlass: { id: string }[] };
    expect(listed.code).toBe(1);
    const close = ['acknowledge', breakGlass[0]!.id, '--as', 'approver', '--yes', ...reason];
    expect(await run(close)).toMatchObject({ code: 0 });
    expect(await stack.invoke('maintain')).toMatchObject({ pruned: 0 });
    await stack.query('update vault.approval_rule set above = 1000000');
  });

  test('says in a plain sentence that the credentials are wrong', async () => {
    const [login] = await logins();
    const reveal = ['reveal', login!.masked_ip, ...reason];
    expect(await run([...reveal, '--as', 'stranger'])).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^AWS does not accept your credentials: they are wrong/),
    });
    expect(await run([...reveal, '--as', 'nobody'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--as is one of investigator,'),
    });
  });

  test('erases the values of a user with a certificate that verify takes, and audit shows who did', async () => {
    const erase = ['erase', '--user-id', 'user-3', '--yes', '--out', path('certificate.json')];
    const { code, stdout, stderr } = await run([...erase, '--as', 'privacy-officer', ...reason]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `Erased 2 values. Keep the certificates in ${path('certificate.json')}.\n`,
    });
    // the device that all of them share
    expect(stderr).toMatch(new RegExp(`device_id_v1_\\S+ +1 +${loginCount - 1}\n`));
    const verify = ['verify', '--certificate', path('certificate.json')];
    expect(await run(verify)).toMatchObject({ code: 0 });

    const audit = await run(['audit', '--person', 'privacy-officer', '--json']);
    expect(JSON.parse(audit.stdout)).toMatchObject({
      rows: [
        { action: 'erase', outcome: 'erased', reason: reason[1] },
        { action: 'erase', outcome: 'erased' },
      ],
    });
    const rows = await logins();
    const reveal = ['reveal', rows[3]!.masked_ip, '--as', 'investigator', ...reason];
    expect(await run(reveal)).toMatchObject({ code: 1, stderr: 'Argument 1: erased.\n' });
  });
});

/** The arguments of every process that this user can see. */
async function commandLines(): Promise<string> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    processes.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.join('\n');
}
