import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { storedAudit } from '../../../db/read-audit.ts';
import { verifyAudit } from '../../../lib/audit/verify-audit.ts';
import { claim, endStolenLogins, holdValues, stolenLogin, take } from '../../helpers/attacker.ts';
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
