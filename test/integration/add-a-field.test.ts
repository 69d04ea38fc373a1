import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ingest } from '../../lib/ingest/ingest.ts';
import { piiFields, piiKinds } from '../../lib/pii-fields.ts';
import { reveal } from '../../lib/requests/reveal.ts';
import { type CommandResult, run } from '../../scripts/local/command.ts';
import { loginMessage, sqsRecord } from '../helpers/builders.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { createKmsDouble } from '../../scripts/local/kms-double.ts';
import { bootstrapSql } from '../helpers/postgres.ts';
import type { Upgrade } from '../helpers/upgrade-process.ts';
import { ingestDeps, revealDeps } from '../helpers/vault.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const notCopied = new Set(['.git', '.local', '.serverless', '.esbuild', 'node_modules']);
const analyst = { id: 'analyst', source: 'claimed' } as const;
const kms = createKmsDouble();

const isTaken = new Set<string>(piiKinds).has('email');
const newKind = isTaken ? 'other_email' : 'email';
const newColumn = `masked_${newKind}`;

/** The sources, to which the field is added. */
let copy: string;
/** A database of this release, with rows in it. */
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let steps: Steps;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'pii-vault-field-'));
  await cp(repository, copy, {
    recursive: true,
    filter: (path) => !notCopied.has(basename(path)),
  });
  await symlink(join(repository, 'node_modules'), join(copy, 'node_modules'));
  steps = await readSteps();
  database = await createTestDatabase();
  // a copy of a database does not have the rights on the database itself
  await database.admin.query(await bootstrapSql());
});
afterAll(async () => {
  await database.drop();
  await rm(copy, { recursive: true, force: true });
});

interface Steps {
  canonicalForm: string;
  entry: string;
  column: string;
  migration: string;
}

/** The code of the four steps in CONTRIBUTING.md, for another name if there is an `email` by now. */
async function readSteps(): Promise<Steps> {
  const text = await readFile(join(repository, 'CONTRIBUTING.md'), 'utf8');
  const [, section = ''] = text.split('## Adding a personal field');
  const [canonicalForm, entry, column, migration, ...more] = Array.from(
    section.split('\n## ')[0]!.matchAll(/```\w+\n(.*?)```/gs),
    ([, code = '']) =>
      isTaken ? code.replaceAll('Email', 'OtherEmail').replaceAll('email', newKind) : code,
  );
  expect(more).toEqual([]);
  return { canonicalForm, entry, column, migration } as Steps;
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  const path = join(copy, file);
  const before = await readFile(path, 'utf8');
  const after = change(before);
  expect(after, `the step changes ${file}`).not.toBe(before);
  await writeFile(path, after);
}

/** Runs a program of the copy; a variable of this test run would change what vitest does. */
function inCopy(
  command: string,
  parameters: string[],
  environment: Record<string, string> = {},
): Promise<CommandResult> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^VITEST|^TEST/.test(name));
  const env = { ...Object.fromEntries(inherited), ...environment };
  return run(command, parameters, { cwd: copy, env });
}

function upgradeInCopy(): Promise<CommandResult> {
  const script = 'test/helpers/upgrade-process.ts';
  return inCopy(tool('tsx'), ['--no-warnings', script, String(database.port), database.name]);
}

const tool = (name: string) => join('node_modules', '.bin', name);

/** The migrations of the copy that this release does not have. */
async function newMigrations(): Promise<string[]> {
  const folder = join('db', 'migrations');
  const known = new Set(await readdir(join(repository, folder)));
  const files = await readdir(join(copy, folder));
  return files.filter((file) => file.endsWith('.sql') && !known.has(file));
}

// each test goes on where the one before has ended
describe.sequential('a personal field that is added as CONTRIBUTING.md says', () => {
  const stored: { token: string; value: string }[] = [];

  it('is refused by TypeScript, by the name of its column, while it has none', async () => {
    const [, canonical = ''] = /function (\w+)/.exec(steps.canonicalForm) ?? [];
    await edit('lib/crypto/canonical.ts', (text) => `${text}\n${steps.canonicalForm}`);
    await edit('lib/pii-fields.ts', (text) =>
      text
        .replace(/import \{(.*)\}( from '.\/crypto\/canonical.ts')/, `import {$1, ${canonical} }$2`)
        .replace('\n] as const', `\n${steps.entry.trimEnd()}\n] as const`),
    );
    const { code, stdout } = await inCopy(tool('tsc'), []);
    expect(code).not.toBe(0);
    expect(stdout).toMatch(new RegExp(`db/write-batch\\.ts.*"${newColumn}".* does not satisfy`));
  });

  it('needs nothing else than its column and a migration', async () => {
    await edit('db/schema.ts', (text) =>
      text.replace(/(pgTable\('user_logins', \{.*?)\n\}\);/s, `$1\n${steps.column.trimEnd()}\n});`),
    );
    expect(await inCopy(tool('tsc'), [])).toMatchObject({ code: 0, stdout: '' });
    const [npm = '', ...parameters] = steps.migration.trim().split(' ');
    const generated = await inCopy(npm, parameters);
    expect(generated.code, generated.stderr).toBe(0);
    expect(await newMigrations()).toEqual([
      expect.stringMatching(new RegExp(`_add_${newKind}\\.sql$`)),
    ]);
  });

  it('reaches a database of the release before, which keeps its rows', async () => {
    const deps = ingestDeps(database, kms);
    const tokenizer = await deps.tokenizer();
    for (const { kind, messageField, example } of piiFields) {
      const value = example(1);
      await ingest([sqsRecord(loginMessage({ [messageField]: value }))], deps);
      stored.push({ token: tokenizer.token(kind, value), value });
    }
    const rows = 'select * from public.user_logins order by user_id';
    const before = await database.admin.query<Record<string, unknown>>(rows);

    await database.admin.query('create table teams_part () inherits (public.user_logins)');
    const refused = await upgradeInCopy();
    expect(refused.stderr).toContain(
      'teams_part, a partition of user_logins, belongs to postgres: run db/bootstrap.sql',
    );
    await database.admin.query(await bootstrapSql());
    const { code, stdout, stderr } = await upgradeInCopy();
    expect(code, stderr).toBe(0);
    const upgrade = JSON.parse(stdout) as Upgrade;
    expect(upgrade).toEqual({
      // undefined column: the message is delivered again
      early: 'the database answered 42703',
      deadLetters: 0,
      applied: 1,
      failed: 0,
    });
    const after = await database.admin.query<Record<string, unknown>>(rows);
    const kept = before.rows.map((row) => ({ ...row, [newColumn]: null }));
    expect(after.rows).toEqual(expect.arrayContaining(kept));
    expect(after.rows).toHaveLength(before.rows.length + 2);
  });

  it('leaves the functions of the release before at work', async () => {
    const userId = randomUUID();
    const deps = ingestDeps(database, kms);
    expect(await ingest([sqsRecord(loginMessage({ user_id: userId }))], deps)).toEqual({
      batchItemFailures: [],
    });
    const { rowCount } = await database.admin.query('select from user_logins where user_id = $1', [
      userId,
    ]);
    expect(rowCount).toBe(1);
    const tokens = stored.map(({ token }) => token);
    const answer = await reveal(
      { tokens, reason: 'after the upgrade' },
      analyst,
      randomUUID(),
      revealDeps(database, kms),
    );
    expect(answer.revealed).toMatchObject(stored);
  });

  it('is stored, sealed, revealed and erased there', async () => {
    await database.close();
    const { code, stdout, stderr } = await inCopy(
      tool('vitest'),
      [
        'run',
        '--reporter=json',
        'test/unit/pii-fields.test.ts',
        'test/unit/ingest/login-event.test.ts',
        'test/integration/ingest/every-field.test.ts',
      ],
      { TEST_DATABASE: `${database.port}/${database.name}` },
    );
    const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Report;
    const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
    const failed = tests.filter(({ status }) => status !== 'passed');
    expect(failed.map(({ fullName }) => fullName)).toEqual([]);
    expect(code, stderr).toBe(0);
    const ofTheField = tests.filter(({ fullName }) =>
      fullName.includes(`whose only personal value is its '${newKind}'`),
    );
    expect(ofTheField).toHaveLength(3);
  });
}, 120_000);

interface Report {
  testResults: { assertionResults: { fullName: string; status: string }[] }[];
}
