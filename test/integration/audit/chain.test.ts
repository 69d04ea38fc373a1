import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readAuditHead } from '../../../db/audit-head.ts';
import { readAudit } from '../../../db/read-audit.ts';
import { claimReveal } from '../../../db/audited-requests.ts';
import { type ChainReport, chainStart, verifyChain } from '../../../lib/audit/chain.ts';
import { appendRows, auditContext, openAudit, someToken } from '../../helpers/audit.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

async function verify(known: ChainReport['head'][] = []): Promise<ChainReport> {
  const rows = readAudit(database.as('vault_auditor'));
  return verifyChain(
    rows,
    chainStart,
    known.map(({ id, hash }) => ({ id, hash: hash! })),
  );
}

/** What only someone who owns the table can do: switch off its triggers and change it. */
async function tamper(...statements: string[]): Promise<void> {
  await openAudit(database.admin);
  for (const statement of [
    ...statements,
    'alter table vault.reveal_audit enable always trigger chain_audit_row',
    'alter table vault.reveal_audit enable always trigger refuse_audit_change',
  ]) {
    await database.admin.query(statement);
  }
}

/** The same rows from `id` on with hashes computed anew, as a forger who knows the scheme would. */
const recompute = (id: number) => `
  do $$ declare entry vault.reveal_audit; previous bytea; begin
    for entry in select * from vault.reveal_audit where id >= ${id} order by id loop
      previous := coalesce((select hash from vault.reveal_audit where id = entry.id - 1),
        decode(repeat('00', 32), 'hex'));
      entry.previous_hash := previous;
      update vault.reveal_audit set previous_hash = previous,
        hash = sha256(vault.audit_content(entry)) where id = entry.id;
    end loop; end $$`;

describe('the audit chain', () => {
  it('verifies as it was written, text of any script included', async () => {
    const context = auditContext({ reason: 'Fall 4711: “прошу” 日本語 🙂, a:b,c', requestId: 'r' });
    const pool = database.as('vault_reveal');
    await claimReveal(pool, context, [someToken(1), someToken(2)]);
    const head = await appendRows(pool, 3);

    expect(await verify([head])).toEqual({
      verified: 5,
      head: expect.objectContaining({ id: 5 }),
      findings: [],
    });
  });

  it('verifies with rows of events, and finds a change of what one is about', async () => {
    await appendRows(database.as('vault_reveal'), 1);
    // no login has this right: only functions write
    await database.admin.query(`
      grant execute on function
        vault.append_event(vault.audit_action, text, vault.principal_source, text, text, text, json)
      to vault_maintain`);
    const event = `select vault.append_event('approval', 'r', 'vault', 'maintain', 'a reason for it', 'expired', $1)`;
    await database.as('vault_maintain').query(event, ['{"tokens":2}']);
    await appendRows(database.as('vault_reveal'), 1);
    expect(await verify()).toMatchObject({ verified: 3, findings: [] });

    await tamper(`update vault.reveal_audit set detail = '{"tokens":1}' where id = 2`);
    expect((await verify()).findings[0]).toEqual({ id: 2, problem: 'was changed' });
  });

  it('verifies while it is empty', async () => {
    expect(await verify()).toEqual({ verified: 0, head: chainStart, findings: [] });
  });

  it('gives rows of concurrent writers one order without gaps', async () => {
    const writers = Array.from({ length: 8 }, () => database.as('vault_reveal'));
    await Promise.all(writers.map((pool) => appendRows(pool, 10)));
    expect(await verify([await readAuditHead(database.as('vault_auditor'))])).toMatchObject({
      verified: 80,
      findings: [],
    });
  });

  it('takes no row that does not continue it, nor one of another login, whoever may insert', async () => {
    await appendRows(database.as('vault_reveal'), 1);
    // no login has this right: the trigger is the second line
    await database.admin.query('grant insert on vault.reveal_audit to vault_reveal, vault_ingest');
    const insert = (
      role: 'vault_reveal' | 'vault_ingest',
      id: number,
      action: string,
      source: string,
    ) =>
      database.as(role).query(
        `insert into vault.reveal_audit values
           ($1, now(), $2, 'r', 'p', $3, 'a reason for it', $4, 'revealed', $5, $5)`,
        [id, action, source, someToken(1), Buffer.alloc(32)],
      );
    const chain = { code: '42501', message: 'the row does not continue the audit chain' };
    await expect(insert('vault_reveal', 2, 'reveal', 'claimed')).rejects.toMatchObject(chain);
    await expect(insert('vault_reveal', 99, 'reveal', 'claimed')).rejects.toMatchObject(chain);
    const login = { code: '42501', message: expect.stringContaining('may not write') };
    await expect(insert('vault_reveal', 2, 'erase', 'claimed')).rejects.toMatchObject(login);
    await expect(insert('vault_reveal', 2, 'reveal', 'iam')).rejects.toMatchObject(login);
    await expect(insert('vault_ingest', 2, 'reveal', 'claimed')).rejects.toMatchObject(login);
    expect(await verify()).toMatchObject({ verified: 1, findings: [] });
  });

  it('writes its head once for each request, however many rows', async () => {
    const tokens = Array.from({ length: 100 }, (_, n) => someToken(n));
    await database.admin.query('vacuum vault.audit_head');
    await claimReveal(database.as('vault_reveal'), auditContext(), tokens);
    const { rows } = await database.admin.query<{ versions: number }>(
      `select split_part(trim('()' from ctid::text), ',', 2)::integer as versions from vault.audit_head`,
    );
    expect(rows[0]!.versions).toBeLessThan(5);
    expect(await verify()).toMatchObject({ verified: 100, findings: [] });
  });

  it('reads page after page', async () => {
    for (let first = 0; first < 2_100; first += 100) {
      const tokens = Array.from({ length: 100 }, (_, n) => someToken(first + n));
      await claimReveal(database.as('vault_reveal'), auditContext(), tokens);
    }
    expect(await verify()).toMatchObject({ verified: 2_100, findings: [] });
  });
});

describe('verify finds', () => {
  beforeEach(async () => {
    await appendRows(database.as('vault_reveal'), 5);
  });

  const columns = [
    `at = at + interval '1 microsecond'`,
    `action = 'erase'`,
    `request_id = 'another'`,
    `principal = 'heinz'`,
    `principal_source = 'iam'`,
    `reason = 'another reason'`,
    `token = 'another'`,
    `token = null`,
    `detail = '{}'`,
    `outcome = 'held'`,
  ];
  it.each(columns)('an edit: %s', async (change) => {
    await tamper(`update vault.reveal_audit set ${change} where id = 3`);
    expect((await verify()).findings[0]).toEqual({ id: 3, problem: 'was changed' });
  });

  it('an edit whose own hash was computed anew', async () => {
    await tamper(
      `update vault.reveal_audit set principal = 'heinz' where id = 3`,
      `update vault.reveal_audit as row set hash = sha256(vault.audit_content(row)) where id = 3`,
    );
    expect((await verify()).findings[0]).toEqual({
      id: 4,
      problem: 'does not follow the row before',
    });
  });

  it('text moved from one column into the next', async () => {
    await tamper(
      `update vault.reveal_audit set principal = principal || reason, reason = '' where id = 2`,
    );
    expect((await verify()).findings[0]).toEqual({ id: 2, problem: 'was changed' });
  });

  it('a deleted row', async () => {
    await tamper(`delete from vault.reveal_audit where id = 3`);
    expect((await verify()).findings[0]).toEqual({ id: 3, problem: 'is missing' });
  });

  it('a deleted row that the next took the place of', async () => {
    await tamper(
      `delete from vault.reveal_audit where id = 3`,
      `update vault.reveal_audit set id = 3 where id = 4`,
      `update vault.reveal_audit set id = 4 where id = 5`,
    );
    expect((await verify()).findings[0]).toEqual({
      id: 3,
      problem: 'does not follow the row before',
    });
  });

  it('two rows that changed places', async () => {
    await tamper(
      `update vault.reveal_audit set id = 99 where id = 2`,
      `update vault.reveal_audit set id = 2 where id = 3`,
      `update vault.reveal_audit set id = 3 where id = 99`,
    );
    expect((await verify()).findings[0]).toEqual({
      id: 2,
      problem: 'does not follow the row before',
    });
  });

  it('an inserted row', async () => {
    await tamper(
      `update vault.reveal_audit set id = id + 1 where id = 5`,
      `update vault.reveal_audit set id = id + 1 where id = 4`,
      `insert into vault.reveal_audit select 4, at, action, request_id, principal, principal_source,
         reason, token, outcome, hash, hash from vault.reveal_audit where id = 3`,
      `update vault.reveal_audit as row set hash = sha256(vault.audit_content(row)) where id = 4`,
    );
    expect((await verify()).findings[0]).toEqual({
      id: 5,
      problem: 'does not follow the row before',
    });
  });

  it('a tail that was cut off, by a head known from a log', async () => {
    const head = await readAuditHead(database.as('vault_auditor'));
    await tamper(
      `delete from vault.reveal_audit where id > 3`,
      `update vault.audit_head set (id, hash) = (select id, hash from vault.reveal_audit where id = 3)`,
    );
    expect((await verify()).findings).toEqual([]);
    expect((await verify([head])).findings[0]).toEqual({
      id: 4,
      problem: 'is missing: the end of the chain was cut off',
    });
  });

  it('a chain computed anew from the first row on, by a head known from a log', async () => {
    const head = await readAuditHead(database.as('vault_auditor'));
    await tamper(`update vault.reveal_audit set principal = 'heinz' where id = 1`, recompute(1));
    expect((await verify()).findings).toEqual([]);
    expect((await verify([head])).findings[0]).toEqual({
      id: 5,
      problem: 'differs from what is known of it: the chain was computed anew',
    });
  });
});
