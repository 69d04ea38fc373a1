import { parseArgs } from 'node:util';
import { Client } from 'pg';

import { withoutParameters } from '../db/query.ts';
import { writeDump } from './dump.ts';
import { UserError } from './user-error.ts';
import { main, parsed } from './main.ts';
import { whereabouts } from './where.ts';

const usage = `npm run backup -- --to DIRECTORY [--audit-alone]

Writes all tables of the vault, as they are at one moment, into a new directory: a file a table,
in the text format of Postgres's COPY. Values stay sealed: without the KMS key nobody opens them.
--audit-alone writes nothing but the audit: what a restore of an older dump needs beside it.
It reads DATABASE_URL (vault_migrator: the owner), or else the local stack's.`;

/** `npm run backup`. Returns the exit code. */
async function backup(): Promise<number> {
  const { values } = parsed(
    () =>
      parseArgs({
        options: {
          to: { type: 'string' },
          'audit-alone': { type: 'boolean', default: false },
        },
      }),
    usage,
  );
  if (values.to === undefined) throw new UserError(usage);
  const { variables } = await whereabouts(['DATABASE_URL']);
  const client = new Client({ connectionString: variables.DATABASE_URL });
  client.on('error', () => undefined);
  await withoutParameters(() => client.connect());
  try {
    const manifest = await writeDump(client, values.to, { auditAlone: values['audit-alone'] });
    for (const [name, table] of Object.entries(manifest.tables)) {
      console.log(`${String(table.rows).padStart(10)}  ${name}`);
    }
    console.log(`Written to ${values.to}. head ${manifest.audit.id}:${manifest.audit.hash}`);
    return 0;
  } finally {
    await client.end();
  }
}

await main(backup);
