import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { appendRows, openAudit } from '../../helpers/audit.ts';
import { type CliResult, runCli } from '../../helpers/cli.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
let head: string;
beforeEach(async () => {
  database = await createTestDatabase();
  const { id, hash } = await appendRows(database.as('vault_reveal'), 3);
  head = `${id}:${Buffer.from(hash).toString('hex')}`;
});
afterEach(() => database.drop());

function verify(...parameters: string[]): Promise<CliResult> {
  const { port, name } = database;
  const DATABASE_URL = `postgresql://postgres:${testPassword}@127.0.0.1:${port}/${name}`;
  return runCli(['verify', ...parameters], { DATABASE_URL });
}

describe('pii-vault verify', () => {
  it('tells the head of a chain that is right, and takes it back to compare', async () => {
    const found = await verify();
    expect(found).toMatchObject({ code: 0, output: expect.stringContaining(`head ${head}`) });
    expect(await verify('--head', head)).toMatchObject({ code: 0 });
  });

  it('prints one JSON object with --json, also where a row is broken', async () => {
    const found = await verify('--json');
    const [id, hash] = head.split(':');
    expect(JSON.parse(found.stdout)).toMatchObject({
      verified: 3,
      head: { id: Number(id), hash },
      findings: [],
    });
    const forged = await verify('--json', '--head', `3:${'0'.repeat(64)}`);
    expect(forged.code).toBe(1);
    expect(JSON.parse(forged.stdout)).toMatchObject({ findings: [{ id: 3 }] });
  });

  it('reads as the auditor, who may not read any other table', async () => {
    await database.admin.query('revoke select on vault.reveal_audit from vault_auditor');
    expect(await verify()).toMatchObject({ code: 2, output: 'The database answered 42501.\n' });
  });

  it('prints the first broken row and exits with 1', async () => {
    await openAudit(database.admin);
    await database.admin.query(`update vault.reveal_audit set reason = 'none' where id >= 2`);
    expect(await verify()).toMatchObject({
      code: 1,
      output: expect.stringContaining('Audit row 2 was changed.'),
    });
  });

  it('names a head that is gone and exits with 1', async () => {
    await database.admin.query('delete from vault.audit_head');
    expect(await verify()).toMatchObject({
      code: 1,
      output: 'The audit is broken: the head of the audit is gone.\n',
    });
  });

  it('exits with 1 when a known head is another or beyond the end', async () => {
    const forged = `3:${'0'.repeat(64)}`;
    expect(await verify('--head', forged)).toMatchObject({ code: 1 });
    expect(await verify('--head', head.replace('3:', '4:'))).toMatchObject({
      code: 1,
      output: expect.stringContaining('the end of the chain was cut off'),
    });
  });

  it.each([['--head', 'nonsense'], ['--heads'], ['more']])(
    'exits with 2 and names its --help: %s %s',
    async (...parameters) => {
      expect(await verify(...parameters.filter(Boolean))).toMatchObject({
        code: 2,
        output: expect.stringContaining('npx pii-vault verify --help'),
      });
    },
  );
});
