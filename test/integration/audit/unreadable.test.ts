import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { storedAudit } from '../../../db/read-audit.ts';
import { startBefore, type ChainFinding } from '../../../lib/audit/chain.ts';
import { verifyAudit } from '../../../lib/audit/verify-audit.ts';
import { appendRows, openAudit } from '../../helpers/audit.ts';
import { runCli } from '../../helpers/cli.ts';
import { testPassword } from '../../helpers/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
  await appendRows(database.as('vault_reveal'), 4);
  await openAudit(database.admin);
});
afterEach(() => database.drop());

async function findings(start?: ReturnType<typeof startBefore>): Promise<ChainFinding[]> {
  const audit = storedAudit(database.as('vault_auditor'));
  return (await verifyAudit(audit, start)).findings;
}

const unreadable = (column: string) => ({
  id: 2,
  problem: `cannot be read: its ${column} is missing, infinite or longer than the vault writes`,
});

/** A copy of row 4 under another id, with that id hashed into it and nothing else changed. */
const addRow = (id: string) => `
  insert into vault.reveal_audit
  select ${id}, at, action, request_id, principal, principal_source, reason, token, outcome,
    previous_hash, hash from vault.reveal_audit where id = 4`;

describe('a row that the vault cannot have written is a finding', () => {
  it.each([
    [`at = 'infinity'`, 'time'],
    [`at = '-infinity'`, 'time'],
    [`request_id = repeat('r', 129)`, 'request_id'],
    [`principal = repeat('p', 2049)`, 'principal'],
    [`reason = repeat('ü', 1001)`, 'reason'],
    [`token = repeat('t', 257)`, 'token'],
    [`outcome = repeat('o', 65)`, 'outcome'],
    [`previous_hash = decode(repeat('00', 33), 'hex')`, 'previous_hash'],
    [`hash = decode(repeat('00', 33), 'hex')`, 'hash'],
  ])('%s', async (change, column) => {
    await database.admin.query(`update vault.reveal_audit set ${change} where id = 2`);
    expect(await findings()).toEqual([unreadable(column)]);
  });

  it.each([`at = '294276-12-31'`, `previous_hash = ''`, `hash = '\\x00'`, `reason = ''`])(
    '%s, which can be read',
    async (change) => {
      await database.admin.query(`update vault.reveal_audit set ${change} where id = 2`);
      expect(await findings()).toContainEqual(expect.objectContaining({ id: 2 }));
    },
  );

  it('a column that is null', async () => {
    await database.admin.query('alter table vault.reveal_audit alter column reason drop not null');
    await database.admin.query('update vault.reveal_audit set reason = null where id = 2');
    expect(await findings()).toEqual([unreadable('reason')]);
  });

  it('and hides no row after it', async () => {
    await database.admin.query(`update vault.reveal_audit set at = 'infinity' where id = 2`);
    await database.admin.query(`update vault.reveal_audit set reason = 'another one' where id = 4`);
    expect(await findings()).toEqual([unreadable('time'), { id: 4, problem: 'was changed' }]);
  });

  it.each([0, -1, '-9223372036854775808'])('id %s', async (id) => {
    await database.admin.query(addRow(String(id)));
    expect(await findings()).not.toEqual([]);
    // also where only what is new is verified
    expect(await findings(startBefore(3))).toEqual([
      { id: Number(id), problem: 'has an id that the vault gives no row' },
    ]);
  });

  it.each([5, 1_000_000_000_000, '9223372036854775807'])('id %s, beyond the head', async (id) => {
    await database.admin.query(addRow(String(id)));
    await database.admin.query(
      `update vault.reveal_audit as audit set previous_hash = (select hash from vault.audit_head)
       where id = ${id}`,
    );
    await database.admin.query(
      `update vault.reveal_audit as audit set hash = sha256(vault.audit_content(audit)) where id = ${id}`,
    );
    const beyond = { id: Number(id), problem: 'lies beyond the head of the chain, 4' };
    expect(await findings()).toContainEqual(beyond);
    expect(await findings(startBefore(4))).toContainEqual(beyond);
  });

  it('a first row that is gone, also where only what is new is verified', async () => {
    await database.admin.query('delete from vault.reveal_audit where id = 1');
    expect(await findings(startBefore(3))).toEqual([{ id: 1, problem: 'is missing' }]);
  });

  it('an id that is there twice', async () => {
    await database.admin.query('alter table vault.reveal_audit drop constraint reveal_audit_pkey');
    await database.admin.query(addRow('4'));
    expect(await findings()).toEqual([{ id: 4, problem: 'is there twice' }]);
  });

  it('a checkpoint whose hash is none', async () => {
    await database.admin.query(
      `insert into vault.audit_checkpoints (id, hash) values (3, convert_to(repeat('x', 1000), 'UTF8'))`,
    );
    expect(await verifyByCommand()).toMatchObject({
      code: 1,
      output: expect.stringContaining('Audit row 3 differs from what is known of it'),
    });
  });
});

describe('rows that honest writers append meanwhile', () => {
  it('are no finding', async () => {
    await database.drop();
    database = await createTestDatabase();
    const writer = database.as('vault_reveal');
    await appendRows(writer, 2);
    const audit = storedAudit(database.as('vault_auditor'));
    const slow = {
      ...audit,
      async *read(after?: number) {
        for await (const row of audit.read(after)) {
          await appendRows(writer, 1);
          yield row;
        }
        await appendRows(writer, 1);
      },
    };
    expect(await verifyAudit(slow)).toMatchObject({ verified: 2, findings: [] });
  });
});

describe('memory', () => {
  it('stays small where a reason has 540 million characters', async () => {
    await database.admin.query(
      `update vault.reveal_audit set reason = repeat('x', 540000000) where id = 2`,
    );
    // a heap that the reason does not fit in; node's own and the command's code need about 60 MB
    const found = await verifyByCommand({ NODE_OPTIONS: '--max-old-space-size=128' });
    expect(found).toMatchObject({
      code: 1,
      output: expect.stringContaining('Audit row 2 cannot be read: its reason is'),
    });
  });
});

function verifyByCommand(environment: Record<string, string> = {}) {
  const { port, name } = database;
  const DATABASE_URL = `postgresql://postgres:${testPassword}@127.0.0.1:${port}/${name}`;
  return runCli(['verify'], { DATABASE_URL }, { environment });
}
