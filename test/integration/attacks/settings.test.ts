import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { storedAudit } from '../../../db/read-audit.ts';
import { verifyAudit } from '../../../lib/audit/verify-audit.ts';
import { claim, endStolenLogins, holdValues, stolenLogin, take } from '../../helpers/attacker.ts';
import { requireApproval } from '../../helpers/approval.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await endStolenLogins();
  await database.drop();
});

interface Setting {
  name: string;
  values: string[];
}

/** Everything that any role may set for itself, with the values farthest from the usual. */
async function userSettings(): Promise<Setting[]> {
  // loads the library, so that its settings are listed
  await database.admin.query('do $$ begin end $$');
  const { rows } = await database.admin.query<Setting>(`
    select name, case vartype
      when 'bool' then array['on', 'off']
      when 'enum' then enumvals
      when 'string' then array['', 'x', 'C', 'all', 'GMT', 'SQL_ASCII', 'ISO, DMY', 'pg_temp, vault']
      else array[min_val, max_val]
    end as values
    from pg_settings where context = 'user' and name not in ('role', 'session_authorization')`);
  return rows;
}

describe('whatever a session sets for itself', { timeout: 60_000 }, () => {
  it('it takes nothing before its claim has committed, and the audit stays right', async () => {
    const tokens = await holdValues(database);
    const settings = await userSettings();
    expect(settings.map(({ name }) => name)).toContain('standard_conforming_strings');
    expect(settings.map(({ name }) => name)).toContain('plpgsql.extra_errors');

    let thief = await stolenLogin(database, 'vault_reveal');
    let claimed = 0;
    for (const { name, values } of settings) {
      for (const [n, value] of values.entries()) {
        const request = `${name.slice(0, 100)}-${n}`;
        const refused = await thief.query(`begin; set local ${name} = '${value}'`).then(
          () => null,
          (error: Error) => error,
        );
        if (refused === null) {
          const [before, after] = [`before-${request}`, `after-${request}`];
          await thief.query(claim(before, tokens)).catch(() => undefined);
          const taken = await thief.query(take(before)).catch(() => null);
          expect(taken?.rows ?? [], `${name} = ${value}`).toEqual([]);
          await thief.query('rollback').catch(() => undefined);
          // and as honest a claim as these settings allow
          await thief.query(`begin; set local ${name} = '${value}'`).catch(() => undefined);
          const rows = await thief.query(claim(after, tokens)).catch(() => null);
          await thief.query('commit').catch(() => undefined);
          if (rows !== null) claimed += 1;
        }
        // some settings end the session
        const isOver = await thief.query('rollback; reset all').then(
          () => false,
          () => true,
        );
        if (isOver) thief = await stolenLogin(database, 'vault_reveal');
      }
    }
    // most settings do not matter to it
    expect(claimed).toBeGreaterThan(settings.length);
    const report = await verifyAudit(storedAudit(database.as('vault_auditor')));
    expect(report.findings).toEqual([]);
    expect(report.verified).toBeGreaterThan(0);
  });

  it('no function of the vault reads as something else', async () => {
    const { rows } = await database.admin.query<{
      proname: string;
      prosrc: string;
      proconfig: string[];
    }>(`select proname, prosrc, proconfig from pg_proc where pronamespace = 'vault'::regnamespace`);
    expect(rows.length).toBeGreaterThan(60);
    for (const { proname, prosrc, proconfig } of rows) {
      const text = prosrc.replaceAll(/--.*/g, '');
      // standard_conforming_strings
      expect(text, proname).not.toContain('\\');
      // transform_null_equals
      expect(text, proname).not.toMatch(/\b(where|and|or|when|if)\s+\S+ (=|<>) null\b/i);
      // how long these are, what a date is, and what UTC is, is for the time zone to say; how they are written, for datestyle
      expect(text, proname).not.toMatch(/interval '[^']*(day|week|month|year)|days =>|months =>/i);
      expect(text, proname).not.toMatch(
        /current_date|localtime|date_trunc|'(now|today|yesterday)'/i,
      );
      if (/::date\b|to_char|time zone/i.test(text))
        expect(proconfig, proname).toContain('TimeZone=UTC');
    }
  });

  it.each(['on', 'off'])(
    'its caller, whose name has a path, cannot acknowledge its own break-glass: standard_conforming_strings %s',
    async (value) => {
      const tokens = await holdValues(database);
      await requireApproval(database, 1);
      const name = 'arn:aws:iam::123456789012:user/team/Alice';
      const role = 'vault_break_glass';
      const thief = await stolenLogin(database, role);
      await thief.query(
        `alter role ${role} in database ${database.name} set standard_conforming_strings = ${value}`,
      );
      // as in the function, later
      const session = await stolenLogin(database, role);
      const { rows } = await session.query<{ item: string }>(
        `select item from vault.claim_reveal('r', 'iam', $1, 'a reason of somebody', $2)`,
        [name, tokens],
      );
      const approve = await stolenLogin(database, 'vault_approve');
      const acknowledged = await approve.query(
        `select problem from vault.acknowledge_break_glass('k', 'iam', $1, 'a reason of somebody', $2, 1)`,
        [name.replace('team', 'other'), rows[0]!.item],
      );
      expect(acknowledged.rows).toEqual([{ problem: 'own' }]);
    },
  );

  it('it cannot say that it is somebody else', async () => {
    const thief = await stolenLogin(database, 'vault_tokenize');
    for (const role of ['vault_reveal', 'vault_migrator', 'postgres']) {
      await expect(thief.query(`set role ${role}`)).rejects.toThrow('permission denied');
      await expect(thief.query(`set session authorization ${role}`)).rejects.toThrow(
        'permission denied',
      );
    }
  });
});
