import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readAuditHead } from '../../db/append-audit.ts';
import { pruneLedger } from '../../db/prune-ledger.ts';
import { addCheckpoint, readAudit, readCheckpoint } from '../../db/read-audit.ts';
import type { ChainPosition } from '../../lib/audit-chain.ts';
import { maintain, type MaintainParts } from '../../lib/maintain.ts';
import { appendRows } from '../helpers/audit.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { silentLog, silentMetrics } from '../helpers/vault.ts';

let database: TestDatabase;
let parts: MaintainParts & { anchored: ChainPosition[] };
beforeEach(async () => {
  database = await createTestDatabase();
  const pool = database.as('vault_maintain');
  const anchored: ChainPosition[] = [];
  parts = {
    prune: () => pruneLedger(pool),
    readAudit: (after) => readAudit(pool, after),
    readHead: () => readAuditHead(pool),
    readCheckpoint: () => readCheckpoint(pool),
    addCheckpoint: (head) => addCheckpoint(pool, head),
    isFull: () => false,
    anchor: async (head) => void anchored.push(head),
    log: silentLog,
    metrics: silentMetrics,
    anchored,
  };
});
afterEach(() => database.drop());

async function asOwner(...statements: string[]): Promise<void> {
  await database.admin.query('alter table vault.reveal_audit disable trigger all');
  for (const statement of statements) await database.admin.query(statement);
}

describe('maintain', () => {
  it('prunes the messages that SQS cannot deliver again, and no others', async () => {
    await database.admin.query(`
      insert into vault.ingested_messages
      select gen_random_uuid(), (now() at time zone 'UTC')::date - days from generate_series(0, 30) as days`);

    expect(await maintain(parts)).toMatchObject({ pruned: 15, verified: 0 });

    const { rows } = await database.admin.query<{ oldest: number }>(
      `select (now() at time zone 'UTC')::date - min(sent_on) as oldest from vault.ingested_messages`,
    );
    expect(rows).toEqual([{ oldest: 15 }]);
  });

  it('verifies what was added since, and anchors the head', async () => {
    const writer = database.as('vault_reveal');
    await appendRows(writer, 3);
    expect(await maintain(parts)).toMatchObject({ verified: 3, audit: { id: 3 } });
    const head = await appendRows(writer, 2);
    // the row it verified last is read again, to see that it is still what it was
    expect(await maintain(parts)).toMatchObject({ verified: 3, audit: { id: 5 } });
    expect(parts.anchored.at(-1)).toEqual({ id: 5, hash: head.hash });
  });

  const attacks: Record<string, string[]> = {
    'an edited row': [`update vault.reveal_audit set reason = 'none' where id = 5`],
    'an edit of the row it verified last': [
      `update vault.reveal_audit set reason = 'none' where id = 3`,
    ],
    'a tail cut off behind what it verified': [`delete from vault.reveal_audit where id > 4`],
    'a tail cut off before what it verified': [
      `delete from vault.reveal_audit where id > 2`,
      `update vault.audit_head set (id, hash) = (select id, hash from vault.reveal_audit where id = 2)`,
    ],
    'a chain that was emptied': [
      `delete from vault.reveal_audit`,
      `update vault.audit_head set id = 0, hash = decode(repeat('00', 32), 'hex')`,
    ],
  };
  it.each(Object.entries(attacks))('finds %s', async (_, statements) => {
    const writer = database.as('vault_reveal');
    await appendRows(writer, 3);
    await maintain(parts);
    await appendRows(writer, 2);
    await asOwner(...statements);

    await expect(maintain(parts)).rejects.toMatchObject({ name: 'AuditBroken' });
  });

  it('finds an edit before what it verified last when it verifies the whole chain', async () => {
    await appendRows(database.as('vault_reveal'), 3);
    await maintain(parts);
    await asOwner(`update vault.reveal_audit set reason = 'none' where id = 1`);
    await maintain(parts);

    const full = { ...parts, isFull: () => true };
    await expect(maintain(full)).rejects.toMatchObject({ name: 'AuditBroken' });
  });
});
