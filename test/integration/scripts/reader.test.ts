import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { UserError } from '../../../cli/user-error.ts';
import { roles } from '../../../db/roles.ts';
import type { LocalDatabase } from '../../../scripts/local/database.ts';
import type { Passwords } from '../../../scripts/local/passwords.ts';
import { createReader } from '../../../scripts/local/reader.ts';
import { freePort, testPassword } from '../../helpers/cluster.ts';
import { createMigratedDatabase, type Server, startEmptyPostgres } from '../../helpers/postgres.ts';

const passwords = Object.fromEntries(
  ['postgres', ...roles].map((role) => [role, testPassword]),
) as Passwords;

let server: Server;
let database: LocalDatabase;
beforeAll(async () => {
  server = await startEmptyPostgres();
  await createMigratedDatabase(server.port, 'vault');
  database = { host: '127.0.0.1', port: server.port, passwords };
});
afterAll(() => server.stop());

describe('a reader', () => {
  test('goes on when Postgres restarts under it', async () => {
    const reader = createReader(database, 'vault_auditor');
    expect(await reader.query('select 1 as one')).toEqual([{ one: 1 }]);
    await server.pause();
    const answer = reader.query('select 2 as two');
    await server.resume();
    expect(await answer).toEqual([{ two: 2 }]);
    await reader.end();
  });

  test('says in plain words that Postgres is away', async () => {
    const port = await freePort();
    const reader = createReader({ ...database, port }, 'vault_analyst', 100);
    await expect(reader.query('select')).rejects.toThrow(UserError);
    await expect(reader.query('select')).rejects.toThrow(
      `The database at 127.0.0.1:${port} does not answer`,
    );
    await reader.end();
  });

  test('does not repeat a statement that Postgres refuses', async () => {
    const reader = createReader(database, 'vault_analyst');
    await expect(reader.query('select * from vault.pii_vault')).rejects.toThrow(
      'permission denied for schema vault',
    );
    await reader.end();
  });
});
