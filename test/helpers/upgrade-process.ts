import { migrate } from '../../db/migrate/migrate.ts';
import { createPool } from '../../db/pool.ts';
import type { Role } from '../../db/roles.ts';
import { ingest } from '../../lib/ingest/ingest.ts';
import { loginMessage, personalFields, sqsRecord } from './builders.ts';
import { createKmsDouble } from '../../scripts/local/kms-double.ts';
import { testPassword } from './postgres.ts';
import { containerDeps } from './vault.ts';

/** What a new release does to a database of the release before, and to a message that comes early. */
export interface Upgrade {
  /** The error of `ingest` before the database is migrated; null if there was none. */
  early: string | null;
  deadLetters: number;
  /** How many migrations were applied. */
  applied: number;
  /** How many messages, one with the new field and one without it, fail once the database is migrated. */
  failed: number;
}

// Arguments: the port and the name of the database. A process of its own, since a test has the code of
// its own release loaded.
const [, , port = '', database = ''] = process.argv;
const connect = (user: Role | 'vault_migrator') =>
  createPool({
    host: '127.0.0.1',
    port: Number(port),
    database,
    user,
    password: testPassword,
    tls: false,
  });

const kms = createKmsDouble();
const [pool, migrating] = [connect('vault_ingest'), connect('vault_migrator')];
const deps = containerDeps(pool, kms);
const send = (...messages: Record<string, unknown>[]) =>
  ingest(
    messages.map((message) => sqsRecord(message)),
    deps,
  );
const early = await send(loginMessage(personalFields())).then(
  () => null,
  (error: Error) => error.message,
);
const { applied } = await migrate(migrating);
const { batchItemFailures } = await send(loginMessage(personalFields()), loginMessage());
await Promise.all([pool.end(), migrating.end()]);
const upgrade: Upgrade = {
  early,
  deadLetters: deps.deadLetters.length,
  applied,
  failed: batchItemFailures.length,
};
process.stdout.write(JSON.stringify(upgrade));
