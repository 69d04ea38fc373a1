import { type Command, InvalidArgumentError } from 'commander';

import { lastRotation } from '../../db/operations/last-rotation.ts';
import { readCheckpoint, storedAudit } from '../../db/read-audit.ts';
import {
  type AuditRow,
  type ChainPosition,
  type ChainReport,
  chainStart,
  decodePosition,
  encodePosition,
} from '../../lib/audit/chain.ts';
import { type StoredAudit, verifyAudit } from '../../lib/audit/verify-audit.ts';
import { AuditBroken } from '../../lib/errors.ts';
import type { EraseCertificate } from '../../lib/requests/erase.ts';
import { readCertificates } from '../certificate-file.ts';
import { compareCertificate } from '../check-certificate.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { interruptible, withPool } from '../database.ts';
import { databaseConfig } from '../login.ts';
import { type Progress, showProgress } from '../progress.ts';
import { underWay } from '../rotation-plan.ts';
import { findStage } from '../stage.ts';
import { visible } from '../visible.ts';

interface Options extends CommonOptions {
  head: ChainPosition[];
  certificate: string[];
}

const description = `Recomputes the audit chain from its first row on. Compares it with the head and
the checkpoint that the database keeps, and with every --head: "auditId" and "auditHash" of a log
line. With --certificate, also checks that the audit has what a certificate of an erasure says. Logs in
as vault_auditor.`;

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault verify --stage prod', ['stage', 'database'])
    .option('--head <id:hash>', 'a row that is known from elsewhere; may be repeated', addHead, [])
    .option('--certificate <file>', 'certificates of erase; may be repeated', addPath, [])
    .action(action(verify));
}

async function verify(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  ifCancelled(() => 'Nothing was changed: verify only reads.');
  const certificates = (await Promise.all(options.certificate.map(readNamed))).flat();
  const stage = await findStage(options.stage);
  const config = await databaseConfig(stage, 'vault_auditor', options);
  return withPool(interruptible(config, signal), async (pool): Promise<Outcome> => {
    const checkpoint = await readCheckpoint(pool);
    // a certificate is a file that may be wrong: it is compared with the audit, and not the audit with it
    const known = [...options.head, ...(checkpoint === null ? [] : [checkpoint])];
    const audit = storedAudit(pool);
    const certificateProblems = await compareAll(certificates, audit);
    const verification = await verifyShown(audit, known).catch(headless);
    if ('problems' in verification) return { ...verification, report: { stage: stage.name } };
    const { verified, head, findings } = verification;
    const last = encodePosition(head);
    const report = {
      stage: stage.name,
      verified,
      head: last,
      findings,
      certificates: { checked: certificates.length, problems: certificateProblems },
    };
    if (findings.length > 0 || certificateProblems.length > 0) {
      const problems = findings.map(({ id, problem }) => `Audit row ${id} ${problem}.`);
      problems.push(...certificateProblems);
      problems.push(
        findings.length === 0 ? onlyCertificates : `${plural(verified, 'other row')} right.`,
      );
      return { exitCode: 1, text: '', problems, report };
    }
    const rotation = underWay(await lastRotation(pool));
    const text =
      `${plural(verified, 'audit row')} right, compared with ` +
      `${comparedWith(options.head.length, checkpoint !== null)}.\n` +
      agreement(certificates.length) +
      (rotation === null ? '' : `${rotation}\n`) +
      `head ${last.id}:${last.hash}`;
    return { exitCode: 0, text, report: { ...report, rotation } };
  });
}

async function verifyShown(audit: StoredAudit, known: ChainPosition[]): Promise<ChainReport> {
  const progress = showProgress('Verifying audit rows', (await audit.readHead()).id);
  const read = (after?: number) => counted(audit.read(after), progress);
  return verifyAudit({ ...audit, read }, chainStart, known);
}

/** For an audit that has no head to verify against. */
function headless(error: unknown): Pick<Outcome, 'exitCode' | 'text'> & { problems: string[] } {
  if (!(error instanceof AuditBroken)) throw error;
  return { exitCode: 1, text: '', problems: [`The audit is broken: ${error.message}.`] };
}

const onlyCertificates =
  'The audit’s own chain is right. Either the certificate was changed or is of another stage, or ' +
  'the chain was computed anew: compare with --head.';

/** Such as `1 row is` or `2 rows are`. */
function plural(count: number, noun: string): string {
  return count === 1 ? `1 ${noun} is` : `${count} ${noun}s are`;
}

function comparedWith(heads: number, hasCheckpoint: boolean): string {
  const own = `the head${hasCheckpoint ? ' and the checkpoint' : ''} that the database keeps`;
  if (heads === 0) return own;
  return `${own}, and with ${heads === 1 ? 'the --head' : `${heads} --heads`} given`;
}

/** A certificate, and where it is. */
interface NamedCertificate {
  certificate: EraseCertificate;
  name: string;
}

async function readNamed(path: string): Promise<NamedCertificate[]> {
  const read = await readCertificates(path);
  return read.map((certificate, index) => ({
    certificate,
    name: `${path}, certificate ${index + 1} (request ${visible(certificate.requestId)})`,
  }));
}

function agreement(count: number): string {
  if (count === 0) return '';
  return `${count === 1 ? 'The certificate agrees' : `${count} certificates agree`} with them.\n`;
}

/** What differs between the certificates and the audit. Throws `DatabaseError`. */
async function compareAll(
  certificates: readonly NamedCertificate[],
  audit: StoredAudit,
): Promise<string[]> {
  const problems = [];
  for (const { certificate, name } of certificates) {
    const tokens = certificate.erased.length + certificate.missing.length;
    const ownRows = certificate.suppressed ? 2 * tokens : tokens;
    const rows: AuditRow[] = [];
    for await (const row of audit.read(certificate.audit.id - ownRows - 1)) {
      if (row.id > certificate.audit.id) break;
      rows.push(row);
    }
    for (const problem of compareCertificate(certificate, rows)) {
      problems.push(`${name}: ${visible(problem)}.`);
    }
  }
  return problems;
}

function addPath(path: string, paths: string[]): string[] {
  return [...paths, path];
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
  return [...heads, decodePosition({ id: Number(id), hash })];
}
