import { type Command, InvalidArgumentError } from 'commander';

import { readCheckpoint, storedAudit } from '../../db/read-audit.ts';
import { type AuditRow, type ChainPosition, chainStart } from '../../lib/audit/chain.ts';
import { verifyAudit } from '../../lib/audit/verify-audit.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { interruptible, withPool } from '../database.ts';
import { databaseConfig } from '../login.ts';
import { type Progress, showProgress } from '../progress.ts';
import { findStage } from '../stage.ts';

interface Options extends CommonOptions {
  head: ChainPosition[];
}

const description = `Recomputes the audit chain from its first row on. Compares it with the head and
the checkpoint that the database keeps, and with every --head: "auditId" and "auditHash" of a log
line, or "audit" of the certificate of an erasure. Logs in as vault_auditor.`;

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault verify --stage prod', ['stage', 'database'])
    .option('--head <id:hash>', 'a row that is known from elsewhere; may be repeated', addHead, [])
    .action(action(verify));
}

async function verify(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  ifCancelled(() => 'Nothing was changed: verify only reads.');
  const stage = await findStage(options.stage);
  const config = await databaseConfig(stage, 'vault_auditor', options);
  return withPool(interruptible(config, signal), async (pool) => {
    const checkpoint = await readCheckpoint(pool);
    const known = [...options.head, ...(checkpoint === null ? [] : [checkpoint])];
    const audit = storedAudit(pool);
    const progress = showProgress('Verifying audit rows', (await audit.readHead()).id);
    const read = (after?: number) => counted(audit.read(after), progress);
    const { verified, head, findings } = await verifyAudit({ ...audit, read }, chainStart, known);
    const hash = Buffer.from(head.hash ?? []).toString('hex');
    const report = { stage: stage.name, verified, head: { id: head.id, hash }, findings };
    if (findings.length > 0) {
      const problems = findings.map(({ id, problem }) => `Audit row ${id} ${problem}.`);
      const count = `${verified} other rows are right.`;
      return { exitCode: 1, text: '', problems: [...problems, count], report };
    }
    const text =
      `${verified} audit rows are right, compared with ${known.length + 1} known heads.\n` +
      `head ${head.id}:${hash}`;
    return { exitCode: 0, text, report };
  });
}

async function* counted(rows: AsyncIterable<AuditRow>, progress: Progress) {
  try {
    for await (const row of rows) {
      progress.update(row.id);
      yield row;
    }
  } finally {
    progress.end();
  }
}

function addHead(text: string, heads: ChainPosition[]): ChainPosition[] {
  const [, id, hash] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text) ?? [];
  if (id === undefined || hash === undefined) throw new InvalidArgumentError('It is not ID:HASH.');
  return [...heads, { id: Number(id), hash: Buffer.from(hash, 'hex') }];
}
