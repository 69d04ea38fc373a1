import { parseArgs } from 'node:util';

import { UserError } from './user-error.ts';
import { main, parsed } from './main.ts';
import { ownersPool, restoreDump } from './restore-dump.ts';

const usage = `npm run restore -- --from DUMP --audit DUMP

Restores what npm run backup wrote into the database of RESTORE_DATABASE_URL, which must be new:
db/bootstrap.sql has run on it, and nothing else. It applies the migrations, loads the values of
--from and the audit of --audit, verifies the audit chain, and erases again what was erased after
the dump was taken. All of it, or nothing.

--audit is the newest audit there is: of the database to be replaced, if it can still be read
(npm run backup -- --audit-alone), or of the newest dump. Name the dump itself only if there is
none newer: erasures since then come back, unless you erase them again by their certificates.
The URL's user is vault_migrator, or one that may become it.`;

/** `npm run restore`. Returns the exit code. */
async function restore(): Promise<number> {
  const { values } = parsed(
    () => parseArgs({ options: { from: { type: 'string' }, audit: { type: 'string' } } }),
    usage,
  );
  const url = process.env['RESTORE_DATABASE_URL'] || null;
  if (values.from === undefined || values.audit === undefined) throw new UserError(usage);
  if (url === null) throw new UserError(`Set RESTORE_DATABASE_URL.\n\n${usage}`);
  const pool = ownersPool(url);
  try {
    const { rows, erasedAgain, head } = await restoreDump(pool, values.from, values.audit);
    for (const [name, count] of Object.entries(rows)) {
      console.log(`${String(count).padStart(10)}  ${name}`);
    }
    console.log(`${erasedAgain} values that were erased since are erased again.`);
    console.log(`The audit is right. head ${head.id}:${Buffer.from(head.hash).toString('hex')}`);
    return 0;
  } finally {
    await pool.end();
  }
}

await main(restore);
