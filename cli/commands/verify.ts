import { type Command, InvalidArgumentError } from 'commander';

import { readAuditHead } from '../../db/audit-head.ts';
import { readAudit, readCheckpoint } from '../../db/read-audit.ts';
import {
  type AuditRow,
  type ChainPosition,
  chainStart,
  verifyChain,
} from '../../lib/audit/chain.ts';
import {
  action,
  type CommonOptions,
  type Context,
  describe,
  type Outcome,
  withStage,
} from '../command.ts';
import { interruptible, withPool } from '../database.ts';
import { databaseConfig, type DatabaseOptions, withDatabase } from '../login.ts';
import { type Progress, showProgress } from '../progress.ts';
import { findStage } from '../stage.ts';

interface Options extends CommonOptions, DatabaseOptions {
  stage: string;
  head: ChainPosition[];
}

const description = `Recomputes the audit chain from its first row on. Compares it with the head and
the checkpoint that the database keeps, and with every --head: "auditId" and "auditHash" of a log
line, or "audit" of the certificate of an erasure. Logs in as vault_auditor.`;

export function define(command: Command): void {
  withDatabase(withStage(describe(command, description, 'npx pii-vault verify --stage prod')))
    .option('--head <id:hash>', 'a row that is known from elsewhere; may be repeated', addHead, [])
    .action(action(verify));
}

async function verify(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  ifCancelled(() => 'Nothing was changed: verify only reads.');
  const stage = await findStage(options.stage);
  const config = await databaseConfig(stage, 'vault_auditor', options);
  return withPool(interruptible(config, signal), async (pool) => {
    const checkpoint = await readCheckpoint(pool);
    const last = await readAuditHead(pool);
    const known = [...options.head, ...(checkpoint === null ? [] : [checkpoint]), last];
    const progress = showProgress('Verifying audit rows', last.id);
    const rows = counted(readAudit(pool), progress);
    const { verified, head, broken } = await verifyChain(rows, chainStart, known);
    const hash = Buffer.from(head.hash ?? []).toString('hex');
    const report = { stage: stage.name, verified, head: { id: head.id, hash }, broken };
    if (broken !== null) {
      return {
        exitCode: 1,
        text: '',
        problems: [
          `Audit row ${broken.id} ${broken.problem}.`,
          `The ${verified} rows before it are right.`,
        ],
        report,
      };
    }
    const text =
      `${verified} audit rows are right, compared with ${known.length} known heads.\n` +
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
