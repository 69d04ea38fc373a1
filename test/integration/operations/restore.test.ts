import { createHash, randomUUID } from 'node:crypto';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { readAuditHead } from '../../../db/audit-head.ts';
import { eraseValues, liftSuppressions } from '../../../db/audited-requests.ts';
import { readAudit } from '../../../db/read-audit.ts';
import { reapplyErasures } from '../../../db/operations/reapply-erasures.ts';
import { chainStart, verifyChain } from '../../../lib/audit/chain.ts';
import { ApprovalRequired, VaultError } from '../../../lib/errors.ts';
import type { IngestDeps } from '../../../lib/ingest/deps.ts';
import { ingest } from '../../../lib/ingest/ingest.ts';
import { reveal, type RevealResponse } from '../../../lib/requests/reveal.ts';
import { writeDump } from '../../../cli/dump.ts';
import { UserError } from '../../../cli/user-error.ts';
import { withPool } from '../../../cli/database.ts';
import { restoreDump } from '../../../cli/restore-dump.ts';
import { requireApproval } from '../../helpers/approval.ts';
import { appendRows, auditContext, openAudit } from '../../helpers/audit.ts';
import { loginMessage, sqsRecord } from '../../helpers/builders.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { createKmsDouble, type KmsDouble } from '../../../scripts/local/kms-double.ts';
import { bootstrapSql } from '../../helpers/postgres.ts';
import { readable, spellings } from '../../helpers/readable.ts';
import { type CliResult, runCli, startCli } from '../../helpers/cli.ts';
import { ingestDeps, revealDeps } from '../../helpers/vault.ts';

let directory: string;
let kms: KmsDouble;
let source: TestDatabase;
let target: TestDatabase;
let ingesting: IngestDeps;
let dumps = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pii-vault-restore-'));
});
afterAll(() => rm(directory, { recursive: true }));

beforeEach(async () => {
  kms = createKmsDouble();
  source = await createTestDatabase();
  target = await createTestDatabase(null);
  await target.admin.query(await bootstrapSql());
  ingesting = ingestDeps(source, kms);
});
afterEach(async () => {
  await source.drop();
  await target.drop();
});

const urlOf = ({ name, port }: TestDatabase, role = 'vault_migrator') =>
  `postgresql://${role}:${testPassword}@127.0.0.1:${port}/${name}`;

/** Collects a device in a message of its own; returns its token. */
async function collect(device: string, into = ingesting): Promise<string> {
  await ingest([sqsRecord(loginMessage({ device_id: device, ip: null }))], into);
  return (await ingesting.tokenizer()).token('device_id', device);
}

const officer = { id: 'arn:aws:iam::123456789012:user/officer', source: 'iam' } as const;

const erase = (database: TestDatabase, ...tokens: string[]) =>
  eraseValues(database.as('vault_erase'), auditContext({ principal: officer }), tokens);

function revealFrom(database: TestDatabase, ...tokens: string[]): Promise<RevealResponse> {
  const principal = { id: 'grace', source: 'claimed' } as const;
  const request = { tokens, reason: 'are they still there' };
  return reveal(request, principal, randomUUID(), revealDeps(database, kms));
}

interface Result {
  code: number | null;
  output: string;
}

/** Takes a dump; returns where it is. */
async function dump(database = source, options = {}): Promise<string> {
  const path = join(directory, String((dumps += 1)));
  const client = await database.admin.connect();
  try {
    await writeDump(client, path, options);
    return path;
  } finally {
    client.release();
  }
}

const auditOnly = { auditOnly: true };

function backUp(...parameters: string[]): Promise<CliResult> {
  return runCli(['backup', ...parameters], { DATABASE_URL: urlOf(source, 'postgres') });
}

function restoreWith(
  from: string,
  audit: string,
  RESTORE_DATABASE_URL = urlOf(target),
): Promise<CliResult> {
  const parameters = ['restore', '--from', from, '--audit', audit];
  return runCli(parameters, null, { environment: { RESTORE_DATABASE_URL } });
}

/** What the command does, in this process, as quickly as that. */
async function restore(from: string, audit = from, to = target, role?: string): Promise<Result> {
  const config = { connectionString: urlOf(to, role) };
  try {
    const { erasedAgain } = await withPool(config, (pool) => restoreDump(pool, from, audit));
    return { code: 0, output: `${erasedAgain} erased again` };
  } catch (error) {
    if (!(error instanceof UserError || error instanceof VaultError)) throw error;
    return { code: 2, output: readable(error) };
  }
}

interface Forged {
  audit: Record<string, unknown> | null;
  tables: Record<string, Record<string, unknown>>;
}

async function forgeManifest(dumped: string, forge: (manifest: Forged) => unknown): Promise<void> {
  const path = join(dumped, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Forged;
  forge(manifest);
  await writeFile(path, JSON.stringify(manifest));
}

async function rowsOf(pool: Pool, table: string): Promise<unknown[]> {
  return (await pool.query<Record<string, unknown>>(`select * from ${table} as t order by t::text`))
    .rows;
}

const contents = [
  'vault.data_keys',
  'vault.pii_vault',
  'vault.tombstones',
  'vault.ingested_messages',
  'user_logins',
];
const auditContents = ['vault.reveal_audit', 'vault.audit_head', 'vault.audit_checkpoints'];

describe('pii-vault backup and restore', () => {
  it('bring back every row as it was, an audit that verifies, and values that are revealed', async () => {
    const devices = ['tab\tnewline\nbackslash\\ \\N', 'дevice', `canary ${randomUUID()}`];
    const tokens = [];
    for (const device of devices) tokens.push(await collect(device));
    await ingest([sqsRecord(loginMessage({ user_id: '\\N\t\\.', locale: null }))], ingesting);
    await source.admin.query('insert into user_logins (user_id) values (null)');
    await appendRows(source.as('vault_reveal'), 5);
    await source.admin.query(
      'insert into vault.audit_checkpoints select id, hash from vault.reveal_audit where id = 3',
    );
    const path = join(directory, 'script');
    expect(await backUp('--to', path)).toMatchObject({ code: 0 });
    const result = await restoreWith(path, path);
    const head = await readAuditHead(source.admin);

    expect(result.output).toContain(`head ${head.id}:${Buffer.from(head.hash).toString('hex')}`);
    expect(result.output).toContain('invoke migrate');
    expect(result.code).toBe(0);
    for (const table of [...contents, ...auditContents]) {
      expect(await rowsOf(target.admin, table)).toEqual(await rowsOf(source.admin, table));
    }
    const rows = readAudit(target.as('vault_auditor'));
    expect(await verifyChain(rows, chainStart, [head])).toMatchObject({
      verified: 5,
      findings: [],
    });
    const { revealed } = await revealFrom(target, ...tokens);
    expect(revealed.map(({ value }) => value)).toEqual(devices);
  });

  it('give a database that goes on: roles, grants, and an audit that grows and refuses changes', async () => {
    const token = await collect('a device');
    await appendRows(source.as('vault_reveal'), 2);
    await requireApproval(source, 2);
    const path = await dump();
    expect(await restore(path)).toMatchObject({ code: 0 });

    expect(await appendRows(target.as('vault_reveal'), 1)).toMatchObject({ id: 3 });
    const known = [await readAuditHead(source.admin), await readAuditHead(target.admin)];
    expect(await verifyChain(readAudit(target.admin), chainStart, known)).toMatchObject({
      verified: 3,
      findings: [],
    });
    await expect(target.admin.query('delete from vault.reveal_audit')).rejects.toThrow(
      'append-only',
    );
    const other = await collect('another device', ingestDeps(target, kms));
    expect((await revealFrom(target, token, other)).revealed).toHaveLength(2);
    // also before the stage is deployed to it
    await expect(revealFrom(target, token)).rejects.toBeInstanceOf(ApprovalRequired);
    const { rows } = await target.admin.query(
      `select distinct tableowner from pg_tables where schemaname = 'vault' or tablename = 'user_logins'`,
    );
    expect(rows).toEqual([{ tableowner: 'vault_migrator' }]);
  });

  it('bring back a ledger that was attacked before it had checks, and check new rows again', async () => {
    const checks = `
      select conrelid::regclass::text as relation, conname from pg_constraint
      where connamespace = 'vault'::regnamespace and contype = 'c' order by 1, 2`;
    const { rows } = await source.admin.query(checks);
    await source.admin.query(
      'alter table vault.ingested_messages drop constraint ingested_messages_sent_on',
    );
    const insert = `insert into vault.ingested_messages values (gen_random_uuid(), 'infinity')`;
    await source.admin.query(insert);
    expect(await restore(await dump())).toMatchObject({ code: 0 });
    expect(await rowsOf(target.admin, 'vault.ingested_messages')).toHaveLength(1);
    expect((await target.admin.query(checks)).rows).toEqual(rows);
    await expect(target.admin.query(insert)).rejects.toThrow('ingested_messages_sent_on');
  });

  it('bring back a dump of a release that stored tokens as text and had no tombstones', async () => {
    const [kept, late, early] = [await collect('k'), await collect('l'), await collect('e')];
    await erase(source, early);
    const path = await dump();
    const { rows } = await source.admin.query<{ bytes: string; token: string }>(
      'select token::text as bytes, vault.token_text(kind, token) as token from vault.pii_vault',
    );
    const file = join(path, 'pii_vault.copy');
    const copied = await readFile(file, 'utf8');
    const old = rows.reduce(
      (text, { bytes, token }) => text.replace(`\\${bytes}`, () => token),
      copied,
    );
    await writeFile(file, old);
    await forgeManifest(path, ({ tables }) => {
      delete tables['token_generation'];
      delete tables['tombstones'];
      tables['pii_vault']!['sha256'] = createHash('sha256').update(old).digest('hex');
    });
    await erase(source, late);
    expect(await restore(path, await dump(source, auditOnly))).toMatchObject({ code: 0 });
    const { revealed, missing } = await revealFrom(target, kept, late, early);
    expect(revealed.map(({ token }) => token)).toEqual([kept]);
    expect(missing).toEqual([late, early].map((token) => ({ token, why: 'erased' })));
  });

  it('suppress again what was suppressed after the dump, and no more what was allowed again', async () => {
    const eraser = source.as('vault_erase');
    const context = auditContext({ principal: officer });
    const [later, lifted] = [await collect('later'), await collect('lifted')];
    await eraseValues(eraser, context, [lifted], true);
    const path = await dump();
    await eraseValues(eraser, context, [later], true);
    await liftSuppressions(eraser, context, [lifted]);
    expect(await restore(path, await dump(source, auditOnly))).toMatchObject({ code: 0 });
    const { missing } = await revealFrom(target, later, lifted);
    expect(missing).toEqual([
      { token: later, why: 'suppressed' },
      { token: lifted, why: 'erased' },
    ]);
    const into = ingestDeps(target, kms);
    await collect('later', into);
    await collect('lifted', into);
    const { revealed } = await revealFrom(target, later, lifted);
    expect(revealed.map(({ value }) => value)).toEqual(['lifted']);
  });

  it('count a message once that was stored before the dump and comes again', async () => {
    const record = sqsRecord();
    await ingest([record], ingesting);
    await restore(await dump());
    await ingest([record], ingestDeps(target, kms));
    expect(await rowsOf(target.admin, 'user_logins')).toHaveLength(1);
  });

  it('refuse a superuser’s login, in which objects that vault_migrator planted would run', async () => {
    const path = await dump();
    // within the session, code can leave a role that was only set
    const trap = `
      create function public.trap(integer, float8) returns float8 language plpgsql as $$ begin
        if (select rolsuper from pg_catalog.pg_roles where rolname = session_user) then
          execute 'set local role none';
          execute 'create role trapped';
          execute 'set local role vault_migrator';
        end if;
        return pg_catalog.float8mul($1::float8, $2);
      end $$;
      create operator public.* (leftarg = integer, rightarg = float8, function = public.trap)`;
    await target.as('vault_migrator').query(trap);
    const url = urlOf(target, 'postgres');
    for (const address of [url, `${url}?options=-c%20role%3Dvault_migrator`]) {
      expect(await restoreWith(path, path, address)).toMatchObject({
        code: 2,
        output: expect.stringContaining('log in as vault_migrator'),
      });
    }
    const { rows } = await target.admin.query(
      `select rolname from pg_roles where rolname = 'trapped'`,
    );
    await target.admin.query('drop role if exists trapped');
    expect(rows).toEqual([]);
    expect(await restore(path)).toMatchObject({ code: 0 });
  });

  it('erase again what was erased after the dump, and keep every audit row since', async () => {
    const kept = await collect('kept');
    const erased = await collect('erased later');
    const before = await dump();
    await erase(source, erased);
    await revealFrom(source, kept);
    const newest = await dump(source, auditOnly);

    expect(await restore(before, newest)).toMatchObject({
      code: 0,
      output: expect.stringContaining('1 erased again'),
    });
    for (const table of auditContents) {
      expect(await rowsOf(target.admin, table)).toEqual(await rowsOf(source.admin, table));
    }
    expect(await revealFrom(target, kept, erased)).toMatchObject({
      revealed: [{ token: kept, value: 'kept' }],
      missing: [{ token: erased, why: 'erased' }],
    });
  });

  it('keep a value that was erased and collected again before the dump', async () => {
    const token = await collect('comes again');
    await erase(source, token);
    await collect('comes again');
    await restore(await dump());
    expect((await revealFrom(target, token)).revealed).toMatchObject([{ value: 'comes again' }]);
  });

  it('do not bring back the old value of one that was collected again after its erase', async () => {
    const token = await collect('comes again');
    const before = await dump();
    await erase(source, token);
    await collect('comes again');
    await restore(before, await dump(source, auditOnly));
    expect((await revealFrom(target, token)).missing).toEqual([{ token, why: 'erased' }]);
  });

  it('hold no plaintext, and are closed to other users', async () => {
    const device = `canary-${randomUUID()}`;
    await collect(device);
    const path = await dump();
    expect((await stat(path)).mode & 0o077).toBe(0);
    for (const name of await readdir(path)) {
      expect((await stat(join(path, name))).mode & 0o077).toBe(0);
      const text = await readFile(join(path, name), 'utf8');
      for (const spelling of spellings(device)) expect(text).not.toContain(spelling);
    }
  });

  it('are of one moment, while logins go on', async () => {
    await source.admin.query(`
      with message as (
        insert into vault.ingested_messages select gen_random_uuid(), now() from generate_series(1, 50000)
        returning sent_on
      ) insert into user_logins (create_date) select sent_on from message`);
    await collect(randomUUID());
    const progress = { on: true, logins: 0 };
    const writing = (async () => {
      for (; progress.on; progress.logins += 1) await collect(randomUUID());
    })();
    const path = await dump();
    progress.on = false;
    await writing;
    expect(progress.logins).toBeGreaterThan(2);
    await restore(path);
    const { rows } = await target.admin.query<{ ledger: number; logins: number; sealed: number }>(`
      select (select count(*)::integer from vault.ingested_messages) as ledger,
        (select count(*)::integer from user_logins) as logins,
        (select count(*)::integer from vault.pii_vault) as sealed`);
    const { ledger, logins, sealed } = rows[0]!;
    expect({ logins, sealed }).toEqual({ logins: ledger, sealed: ledger - 50_000 });
  });

  it('do not write over a dump, nor into a database in use', async () => {
    await collect('a device');
    const path = await dump();
    const again = await backUp('--to', path);
    expect(again).toMatchObject({
      code: 2,
      output: expect.stringContaining(`${path} holds a dump already: choose another directory.\n`),
    });
    expect(await restore(path, path, source)).toMatchObject({
      code: 2,
      output: expect.stringContaining('The database is not empty'),
    });
  });

  it('asks before it restores into a database elsewhere, and does nothing without a terminal', async () => {
    const path = await dump();
    const url = urlOf(target).replace('127.0.0.1', 'vault.example.com');
    expect(await restoreWith(path, path, url)).toMatchObject({
      code: 2,
      output: expect.stringMatching(/^Restore .* into vault\.example\.com.*add --yes\.$/m),
    });
  });

  it('leave nothing when they are cancelled, say so, and can be run again', async () => {
    await source.admin.query(
      `insert into user_logins (user_id) select 'canary' from generate_series(1, 1000000)`,
    );
    const path = join(directory, 'cancelled');
    const local = { DATABASE_URL: urlOf(source, 'postgres') };
    const backingUp = startCli(['backup', '--to', path], local);
    while (!existsSync(join(`${path}.unfinished`, 'user_logins.copy'))) await sleep(5);
    backingUp.process.kill('SIGINT');
    expect(await backingUp.ended).toMatchObject({
      code: 130,
      stderr: expect.stringContaining(`Cancelled. Nothing was left in ${path}`),
    });
    const names = await readdir(directory);
    expect(names.filter((name) => name.startsWith('cancelled'))).toEqual([]);

    expect(await backUp('--to', path)).toMatchObject({ code: 0 });
    const environment = { RESTORE_DATABASE_URL: urlOf(target) };
    const restoring = startCli(['restore', '--from', path, '--audit', path], null, { environment });
    const copying = `select from pg_stat_activity where datname = $1 and query like 'copy public.%'`;
    while ((await target.admin.query(copying, [target.name])).rowCount === 0) await sleep(5);
    restoring.process.kill('SIGINT');
    expect(await restoring.ended).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('Cancelled. Nothing was restored'),
    });
    for (const table of contents) expect(await rowsOf(target.admin, table)).toEqual([]);
    expect(await restoreWith(path, path)).toMatchObject({ code: 0 });
  });

  const attacks: Record<string, [() => Promise<string>, string]> = {
    'an audit older than the dump': [
      async () => {
        const older = await dump();
        await appendRows(source.as('vault_reveal'), 1);
        return older;
      },
      'is older than',
    ],
    'the audit of another vault': [
      async () => {
        const other = await createTestDatabase();
        await appendRows(other.as('vault_reveal'), 9);
        const path = await dump(other);
        await other.drop();
        return path;
      },
      'audit row 3 differs from what is known',
    ],
    'an audit with a row changed': [
      async () => {
        await openAudit(source.admin);
        await source.admin.query(`update vault.reveal_audit set reason = 'none' where id = 2`);
        return dump();
      },
      'audit row 2 was changed',
    ],
    'an audit cut off': [
      async () => {
        await openAudit(source.admin);
        await source.admin.query('delete from vault.reveal_audit where id = 3');
        return dump();
      },
      'the end of the chain was cut off',
    ],
  };
  it.each(Object.entries(attacks))('restore nothing from %s', async (_, [attack, message]) => {
    await collect('a device');
    await appendRows(source.as('vault_reveal'), 3);
    const older = await attack();
    const path = await dump();
    const result = await restore(path, older);
    expect(result).toMatchObject({ code: 2, output: expect.stringContaining(message) });
    const { rows } = await target.admin.query<{ there: boolean }>(
      `select to_regclass('vault.pii_vault') is not null as there`,
    );
    if (rows[0]!.there) {
      for (const table of contents) expect(await rowsOf(target.admin, table)).toEqual([]);
      const trigger = await target.admin.query(
        `select tgenabled from pg_trigger where tgname = 'chain_audit_row'`,
      );
      expect(trigger.rows).toEqual([{ tgenabled: 'A' }]);
    }
  });

  it.each([
    ['pii_vault.copy', 'canary\tip\n'],
    ['user_logins.copy', '198.51.100.7\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n'],
  ])('restore nothing where %s was changed, and quote none of it', async (file, text) => {
    await collect('a device');
    const path = await dump();
    await appendFile(join(path, file), text);
    const { code, output } = await restore(path);
    expect(code).toBe(2);
    expect(output).not.toMatch(/canary|198\.51/);
    for (const table of contents) expect(await rowsOf(target.admin, table)).toEqual([]);
  });

  const forgeries: Record<string, (manifest: Forged) => unknown> = {
    'an injected column': ({ tables }) => (tables['data_keys']!['columns'] = ['id) from stdin --']),
    'columns that are not a list': ({ tables }) => (tables['data_keys']!['columns'] = 'id'),
    'no columns': ({ tables }) => (tables['data_keys']!['columns'] = []),
    'a checksum that is none': ({ tables }) => (tables['pii_vault']!['sha256'] = 'x'),
    'an unknown table': ({ tables }) => (tables['pg_authid'] = tables['pii_vault']!),
    'no tables': (manifest) => Object.assign(manifest, { tables: null }),
    'no audit': (manifest) => (manifest.audit = null),
    'an id of the audit that is a text': ({ audit }) => (audit!['id'] = '0 or 1'),
    'an empty hash of the audit': ({ audit }) => (audit!['hash'] = ''),
    'another hash of the audit': ({ audit }) => (audit!['hash'] = 'ab'.repeat(32)),
    'a later end of the audit': ({ audit }) => (audit!['id'] = Number(audit!['id']) + 1),
  };
  it.each(Object.entries(forgeries))('restore nothing by a manifest with %s', async (_, forge) => {
    await appendRows(source.as('vault_reveal'), 2);
    const path = await dump();
    await forgeManifest(path, forge);
    expect(await restore(path)).toMatchObject({
      code: 2,
      output: expect.stringMatching(/The manifest of \S+ (is not valid|contradicts)/),
    });
  });

  it('bring no erased value back by a manifest that names a later end of the audit', async () => {
    const token = await collect('erased later');
    const before = await dump();
    await erase(source, token);
    const newest = await dump(source, auditOnly);
    const { audit } = JSON.parse(await readFile(join(newest, 'manifest.json'), 'utf8')) as Forged;
    await forgeManifest(before, (manifest) => (manifest.audit = audit));
    expect(await restore(before, newest)).toMatchObject({
      code: 2,
      output: expect.stringContaining('contradicts the audit'),
    });
  });

  it('write nothing where somebody else was first', async () => {
    const path = join(directory, 'contested');
    await mkdir(`${path}.unfinished`);
    await chmod(`${path}.unfinished`, 0o777);
    await writeFile(join(`${path}.unfinished`, 'pii_vault.copy'), '', { mode: 0o666 });
    expect(await backUp('--to', path)).toMatchObject({
      code: 2,
      output: expect.stringContaining('is not what a backup of yours has left'),
    });
    expect(await readFile(join(`${path}.unfinished`, 'pii_vault.copy'), 'utf8')).toBe('');
    // what an interrupted backup of one's own left is written anew
    await chmod(`${path}.unfinished`, 0o700);
    expect(await backUp('--to', path)).toMatchObject({ code: 0 });
    expect((await stat(join(path, 'pii_vault.copy'))).mode & 0o777).toBe(0o600);
  });

  it('say what is missing', async () => {
    const none = join(directory, 'none');
    expect(await restoreWith(none, none)).toMatchObject({
      code: 2,
      output: expect.stringContaining('is not a dump'),
    });
    expect(await restore(await dump(source, auditOnly))).toMatchObject({
      code: 2,
      output: expect.stringContaining('holds no data_keys'),
    });
    expect(await restoreWith(none, none, '')).toMatchObject({
      code: 2,
      output: expect.stringContaining('Set RESTORE_DATABASE_URL'),
    });
    expect(await runCli(['restore', '--from', none], null)).toMatchObject({ code: 2 });
    expect(await runCli(['backup'], null)).toMatchObject({ code: 2 });
  });
});

const reapply = (id: number) => reapplyErasures(source.as('vault_migrator'), id);

describe('reapplyErasures', () => {
  it('deletes what has an erase after that row of the audit, and nothing else', async () => {
    const [early, late, never] = [
      await collect('early'),
      await collect('late'),
      await collect('n'),
    ];
    const sealed = await rowsOf(source.admin, 'vault.pii_vault');
    await erase(source, early);
    const head = await readAuditHead(source.admin);
    await erase(source, late);
    // both are there again, as after a restore
    await source.admin.query('delete from vault.pii_vault');
    for (const { token, kind, ciphertext, data_key_id: key } of sealed as Record<
      string,
      unknown
    >[]) {
      await source.admin.query(
        `insert into vault.pii_vault (token, kind, ciphertext, data_key_id) values ($1, $2, $3, $4)`,
        [token, kind, ciphertext, key],
      );
    }

    expect(await reapply(head.id)).toBe(1);
    const { rows } = await source.admin.query(
      'select vault.token_text(kind, token) as token from vault.pii_vault order by token',
    );
    expect(rows).toEqual(expect.arrayContaining([{ token: early }, { token: never }]));
    expect(rows).toHaveLength(2);
    expect(await reapply(head.id)).toBe(0);
  });

  it('goes by the order of the audit, whatever the clock said', async () => {
    const token = await collect('from the future');
    await erase(source, token);
    await collect('from the future');
    await source.admin.query(`update vault.pii_vault set created_at = now() + interval '1 hour'`);
    expect(await reapply(0)).toBe(1);
  });

  it('takes a token once that was erased several times, and no refused or vain erase', async () => {
    const token = await collect('often');
    for (let n = 0; n < 3; n += 1) {
      await erase(source, token);
      await collect('often');
    }
    const { id } = await readAuditHead(source.admin);
    expect(await reapply(id)).toBe(0);
    expect(await reapply(id - 2)).toBe(1);

    const other = await collect('not yet');
    await source.admin.query('delete from vault.pii_vault where token = vault.token_bytes($1)', [
      other,
    ]);
    await erase(source, other);
    await collect('not yet');
    expect(await reapply(id)).toBe(0);
  });
});

describe('restoreDump', () => {
  it('shows nobody an erased value, not even for a moment', async () => {
    const token = await collect('erased later');
    const before = await dump();
    await erase(source, token);
    const newest = await dump(source, auditOnly);
    const seen = { on: true, counts: [] as number[] };
    const looking = (async () => {
      while (seen.on) {
        const { rows } = await target.admin
          .query<{ count: number }>('select count(*)::integer as count from vault.pii_vault')
          .catch(() => ({ rows: [] }));
        seen.counts.push(...rows.map(({ count }) => count));
      }
    })();
    await restore(before, newest);
    seen.on = false;
    await looking;
    expect(seen.counts).not.toEqual([]);
    expect(seen.counts.every((count) => count === 0)).toBe(true);
  });
});
