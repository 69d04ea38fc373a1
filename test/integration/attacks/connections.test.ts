import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { WorkingRole } from '../../../db/roles.ts';
import { endStolenLogins, stolenLogin } from '../../helpers/attacker.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  // limits count all databases of a server: no other test uses this worker's meanwhile
  database = await createTestDatabase();
});
afterAll(() => database.drop());
afterEach(endStolenLogins);

async function openUntilRefused(role: WorkingRole): Promise<unknown> {
  for (let n = 0; n < 500; n += 1) {
    try {
      await stolenLogin(database, role);
    } catch (error) {
      return error;
    }
  }
  return null;
}

describe('a login that opens connections until it is refused', () => {
  it.each<WorkingRole>(['vault_analyst', 'vault_auditor', 'vault_maintain', 'vault_tokenize'])(
    '%s leaves room for others',
    async (role) => {
      expect(await openUntilRefused(role)).toMatchObject({ code: '53300' });
      for (const other of ['vault_ingest', 'vault_reveal', 'vault_erase'] as const) {
        const { rowCount } = await (await stolenLogin(database, other)).query('select');
        expect(rowCount).toBe(1);
      }
    },
  );
});
