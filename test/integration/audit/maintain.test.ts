import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { endStaleSessions } from '../../../db/end-stale-sessions.ts';
import { dropSpentKeys, expireValues } from '../../../db/expire-values.ts';
import { pruneLedger } from '../../../db/prune-ledger.ts';
import { openBreakGlass } from '../../../db/reveal-requests.ts';
import { addCheckpoint, readCheckpoint, storedAudit } from '../../../db/read-audit.ts';
import { findRoleSettings, settingsPhrase } from '../../../db/role-settings.ts';
import { createAnchors, createS3Client } from '../../../lib/audit/anchor.ts';
import { AuditBucketError } from '../../../lib/errors.ts';
import { maintain, type MaintainDeps } from '../../../lib/audit/maintain.ts';
import { appendRows, openAudit } from '../../helpers/audit.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { type S3Double, startS3Double } from '../../helpers/s3-double.ts';
import { silentLog, silentMetrics } from '../../helpers/vault.ts';

let database: TestDatabase;
let s3: S3Double;
let deps: MaintainDeps;
beforeEach(async () => {
  s3 = await startS3Double();
  database = await createTestDatabase();
  const pool = database.as('vault_maintain');
  deps = {
    prune: () => pruneLedger(pool),
    expire: () => expireValues(pool),
    dropSpentKeys: () => dropSpentKeys(pool),
    endStaleSessions: () => endStaleSessions(pool),
    findRoleSettings: async () =>
      (await findRoleSettings(pool)).map(({ name, settings }) => settingsPhrase(name, settings)),
    breakGlass: async () => (await openBreakGlass(pool)).map(({ id }) => id),
    audit: storedAudit(pool),
    readCheckpoint: () => readCheckpoint(pool),
    addCheckpoint: (head) => addCheckpoint(pool, head),
    isFull: () => false,
    anchors: createAnchors(createS3Client(), { bucket: 'audit', prefix: 'audit-heads' }),
    log: silentLog,
    metrics: silentMetrics,
  };
});
afterEach(async () => {
  await database.drop();
  await s3.close();
});

async function asOwner(...statements: string[]): Promise<void> {
  await openAudit(database.admin);
  for (const statement of statements) await database.admin.query(statement);
}

/** Writes an audit of its own in the place of what there is, right in itself. */
async function writeAnew(rows: number, ...checkpoint: string[]): Promise<void> {
  await asOwner(
    `alter table vault.reveal_audit enable always trigger chain_audit_row`,
    `delete from vault.reveal_audit`,
    `delete from vault.audit_checkpoints`,
    `update vault.audit_head set id = 0, hash = decode(repeat('00', 32), 'hex')`,
  );
  if (rows > 0) await appendRows(database.as('vault_reveal'), rows);
  for (const statement of checkpoint) await database.admin.query(statement);
}
const checkpointAtEnd = `
  insert into vault.audit_checkpoints (id, hash)
  select id, hash from vault.reveal_audit order by id desc limit 1`;

describe('maintain', () => {
  it('prunes the messages that SQS cannot deliver again, and no others', async () => {
    await database.admin.query(`
      insert into vault.ingested_messages
      select gen_random_uuid(), (now() at time zone 'UTC')::date - days from generate_series(0, 30) as days`);

    expect(await maintain(deps)).toMatchObject({ pruned: 15, verified: 0 });

    const { rows } = await database.admin.query<{ oldest: number }>(
      `select (now() at time zone 'UTC')::date - min(sent_on) as oldest from vault.ingested_messages`,
    );
    expect(rows).toEqual([{ oldest: 15 }]);
  });

  it('verifies what was added since, and anchors the head', async () => {
    const writer = database.as('vault_reveal');
    await appendRows(writer, 3);
    expect(await maintain(deps)).toMatchObject({ verified: 3, audit: { id: 3 } });
    const head = await appendRows(writer, 2);
    // the row it verified last is read again, to see that it is still what it was
    expect(await maintain(deps)).toMatchObject({ verified: 3, audit: { id: 5 } });
    expect(await deps.anchors!.read()).toContainEqual({ id: 5, hash: head.hash });
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
    'a head that is gone': [`delete from vault.audit_head`],
  };
  it.each(Object.entries(attacks))('finds %s', async (_, statements) => {
    const writer = database.as('vault_reveal');
    await appendRows(writer, 3);
    await maintain(deps);
    await appendRows(writer, 2);
    await asOwner(...statements);

    await expect(maintain(deps)).rejects.toMatchObject({ name: 'AuditBroken' });
  });

  const rewrites: Record<string, [number, ...string[]]> = {
    'to the same length': [3, checkpointAtEnd],
    'to a longer one with a checkpoint behind the anchor': [5, checkpointAtEnd],
    'to a shorter one': [2, checkpointAtEnd],
    'without a checkpoint': [5],
    'to nothing': [0],
  };
  it.each(Object.entries(rewrites))(
    'finds only by its anchor an audit that was written anew, %s',
    async (_, [rows, ...checkpoint]) => {
      await appendRows(database.as('vault_reveal'), 3);
      await maintain(deps);
      await writeAnew(rows, ...checkpoint);

      await expect(maintain(deps)).rejects.toMatchObject({ name: 'AuditBroken' });
      expect(await deps.anchors!.read()).toHaveLength(1);
      expect(await maintain({ ...deps, anchors: null })).toMatchObject({ audit: { id: rows } });
    },
  );

  it('compares with all its anchors when it verifies the whole chain', async () => {
    await appendRows(database.as('vault_reveal'), 3);
    const head = await deps.audit.readHead();
    await writeAnew(5, checkpointAtEnd);
    await maintain(deps);
    await deps.anchors!.keep(head);
    await maintain(deps);

    const full = { ...deps, isFull: () => true };
    await expect(maintain(full)).rejects.toMatchObject({
      message: expect.stringContaining('audit row 3 differs'),
    });
  });

  it.each([null, 'AccessDenied'])(
    'does all else when the bucket answers %s, and then fails',
    async (fault) => {
      const published: unknown[] = [];
      const metrics = {
        ...silentMetrics,
        publish: (counts: object) => void published.push(counts),
      };
      await appendRows(database.as('vault_reveal'), 3);
      s3.fault = fault;
      await expect(maintain({ ...deps, metrics })).rejects.toEqual(new AuditBucketError(fault));
      expect(published).toEqual([{ pruned: 0, expired: 0, verified: 3 }]);
      expect(await deps.readCheckpoint()).toMatchObject({ id: 3 });

      await asOwner(`update vault.reveal_audit set reason = 'none' where id = 3`);
      await expect(maintain(deps)).rejects.toMatchObject({ name: 'AuditBroken' });
    },
  );

  it('anchors nothing that it could not compare with what is anchored', async () => {
    await appendRows(database.as('vault_reveal'), 3);
    const { keep } = deps.anchors!;
    const unread = { read: () => Promise.reject(new AuditBucketError('AccessDenied')), keep };
    await expect(maintain({ ...deps, anchors: unread })).rejects.toThrow('AccessDenied');
    expect(s3.versions).toEqual([]);
  });

  it('finds an edit before what it verified last when it verifies the whole chain', async () => {
    await appendRows(database.as('vault_reveal'), 3);
    await maintain(deps);
    await asOwner(`update vault.reveal_audit set reason = 'none' where id = 1`);
    await maintain(deps);

    const full = { ...deps, isFull: () => true };
    await expect(maintain(full)).rejects.toMatchObject({ name: 'AuditBroken' });
  });

  it('does all else when a role changed its own settings, and then fails', async () => {
    // settings belong to the whole server: only for this database, which goes
    await database
      .as('vault_reveal')
      .query(`alter role vault_reveal in database ${database.name} set synchronous_commit = off`);
    await appendRows(database.as('vault_reveal'), 3);

    await expect(maintain(deps)).rejects.toMatchObject({
      name: 'RoleSettingsChanged',
      message: expect.stringContaining('settings of vault_reveal: synchronous_commit'),
    });
    expect(await deps.readCheckpoint()).toMatchObject({ id: 3 });
    expect(await deps.anchors!.read()).toHaveLength(1);
  });

  it('logs changed settings also when the audit is broken, and goes on to say that', async () => {
    const logged: unknown[] = [];
    const log = { ...silentLog, error: (event: string) => void logged.push(event) };
    await database
      .as('vault_reveal')
      .query(`alter role vault_reveal in database ${database.name} set synchronous_commit = off`);
    await appendRows(database.as('vault_reveal'), 3);
    await asOwner(`update vault.reveal_audit set reason = 'none' where id = 3`);

    await expect(maintain({ ...deps, log })).rejects.toMatchObject({ name: 'AuditBroken' });
    expect(logged).toEqual(['role settings changed', 'maintenance failed']);
  });
});
