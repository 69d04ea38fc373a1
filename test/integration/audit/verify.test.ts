import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { appendRows, openAudit } from '../../helpers/audit.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

const script = fileURLToPath(new URL('../../../cli/audit-verify.ts', import.meta.url));

let database: TestDatabase;
let head: string;
beforeEach(async () => {
  database = await createTestDatabase();
  const { id, hash } = await appendRows(database.as('vault_reveal'), 3);
  head = `${id}:${Buffer.from(hash).toString('hex')}`;
});
afterEach(() => database.drop());

function verify(...parameters: string[]): Promise<{ code: number; output: string }> {
  const url = `postgresql://vault_auditor:${testPassword}@127.0.0.1:${database.port}/${database.name}`;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', script, ...parameters],
      { env: { ...process.env, DATABASE_URL: url } },
      (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), output: `${stdout}${stderr}` }),
    );
  });
}

describe('npm run audit:verify', () => {
  it('tells the head of a chain that is right, and takes it back to compare', async () => {
    const found = await verify();
    expect(found).toMatchObject({ code: 0, output: expect.stringContaining(`head ${head}`) });
    expect(await verify('--head', head)).toMatchObject({ code: 0 });
  });

  it('prints the first broken row and exits with 1', async () => {
    await openAudit(database.admin);
    await database.admin.query(`update vault.reveal_audit set reason = 'none' where id >= 2`);
    expect(await verify()).toMatchObject({
      code: 1,
      output: expect.stringContaining('Audit row 2 was changed.'),
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
    'exits with 2 and says how it is used: %s %s',
    async (...parameters) => {
      expect(await verify(...parameters.filter(Boolean))).toMatchObject({ code: 2 });
    },
  );
});
