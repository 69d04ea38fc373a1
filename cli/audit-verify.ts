import { parseArgs } from 'node:util';
import { Pool } from 'pg';

import { readAuditHead } from '../db/audit-head.ts';
import { readAudit, readCheckpoint } from '../db/read-audit.ts';
import { type ChainPosition, chainStart, verifyChain } from '../lib/audit/chain.ts';
import { databaseUrl } from '../scripts/local/database.ts';
import { UserError } from './user-error.ts';
import { main, parsed } from './main.ts';
import { auditDatabaseUrl, readSettings } from '../scripts/local/settings.ts';
import { readState } from '../scripts/local/state.ts';

const usage = `npm run audit:verify -- [--head ID:HASH]...

Recomputes the audit chain from its first row on, and compares it with the head and the
checkpoint that the database keeps, and with each head given: "auditId" and "auditHash" of a log
line, or "audit" of an erase's certificate. It reads DATABASE_URL, or else the local stack's.
Exits with 1 when a row is broken, with 2 when it could not verify.`;

/** `npm run audit:verify`. Returns the exit code. */
async function verify(): Promise<number> {
  const known = knownHeads();
  const pool = new Pool({ connectionString: await connectionString(), max: 1 });
  try {
    const checkpoint = await readCheckpoint(pool);
    if (checkpoint !== null) known.push(checkpoint);
    known.push(await readAuditHead(pool));
    const { verified, head, broken } = await verifyChain(readAudit(pool), chainStart, known);
    if (broken !== null) {
      console.error(`Audit row ${broken.id} ${broken.problem}.`);
      console.error(`${verified} rows before it are right.`);
      return 1;
    }
    console.log(`${verified} audit rows are right, compared with ${known.length} known heads.`);
    console.log(`head ${head.id}:${Buffer.from(head.hash ?? []).toString('hex')}`);
    return 0;
  } finally {
    await pool.end();
  }
}

function knownHeads(): ChainPosition[] {
  return parsed(() => {
    const { values } = parseArgs({ options: { head: { type: 'string', multiple: true } } });
    return (values.head ?? []).map(parseHead);
  }, usage);
}

function parseHead(text: string): ChainPosition {
  const [, id, hash] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text) ?? [];
  if (id === undefined || hash === undefined) throw new UserError(`--head is no ID:HASH: ${text}`);
  return { id: Number(id), hash: Buffer.from(hash, 'hex') };
}

async function connectionString(): Promise<string> {
  const given = auditDatabaseUrl();
  if (given !== null) return given;
  const { postgres } = await readState(readSettings());
  if (postgres === undefined)
    throw new UserError('Set DATABASE_URL, or bring the stack up: npm start');
  return databaseUrl({ host: '127.0.0.1', ...postgres }, 'vault_auditor');
}

await main(verify);
