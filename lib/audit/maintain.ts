import type { Anchors } from './anchor.ts';
import {
  type ChainPosition,
  chainStart,
  encodePosition,
  type EncodedPosition,
  startBefore,
} from './chain.ts';
import { headFields } from './entry.ts';
import { type StoredAudit, verifyAudit } from './verify-audit.ts';
import {
  asVaultError,
  AuditBroken,
  available,
  BreakGlassOpen,
  RoleSettingsChanged,
  type VaultError,
} from '../errors.ts';
import { type Log, loggingFailure } from '../log.ts';
import type { Metrics } from '../metrics.ts';

/** What `maintain` works with. */
export interface MaintainDeps {
  /** Ends sessions that hold a transaction for longer than any request takes; returns how many. */
  endStaleSessions: () => Promise<number>;
  /** Deletes the ledger's rows that SQS cannot deliver again; returns how many. */
  prune: () => Promise<number>;
  /** Deletes the sealed values that are older than the stage's retention; returns how many. */
  expire: () => Promise<number>;
  /** Deletes data keys that seal nothing; returns how many, and the KMS keys that wrap none any more. */
  dropSpentKeys: () => Promise<{ dropped: number; kmsKeys: string[] }>;
  /** Roles that log in with settings other than the vault's, a phrase each. */
  findRoleSettings: () => Promise<string[]>;
  /** The ids of uses of break-glass that nobody has acknowledged. */
  breakGlass: () => Promise<string[]>;
  audit: StoredAudit;
  /** Whether this round verifies the whole chain, not only what was added since. */
  isFull: () => boolean;
  /** Up to where the chain was verified last; null when it never was. */
  readCheckpoint: () => Promise<ChainPosition | null>;
  addCheckpoint: (head: ChainPosition) => Promise<void>;
  /** Heads that the database's owner cannot reach; null where the stage names no place for them. */
  anchors: Anchors | null;
  log: Log;
  metrics: Metrics;
}

export interface MaintainReport {
  /** Stale sessions that were ended. */
  ended: number;
  pruned: number;
  /** Sealed values that were older than the retention. */
  expired: number;
  /** Data keys that sealed nothing any more. */
  droppedKeys: number;
  /** KMS keys, by ARN, that wrap no data key any more since this round. */
  unusedKmsKeys: string[];
  verified: number;
  audit: EncodedPosition;
}

const none = { dropped: 0, kmsKeys: [] };

/**
 * The daily round: ends stale sessions, verifies the audit chain since the row it verified last, or
 * all of it, against what is known of it here and in the anchors, prunes the ledger, and deletes what
 * is older than the retention. Throws `AuditBroken` for rows at fault, `VaultUnavailable` where the database did not answer; and, with
 * the rest done, `AuditBucketError` where the anchors could not be read or kept,
 * `RoleSettingsChanged` where a role has settings that are not the vault's, and
 * `BreakGlassOpen` while a use of break-glass is not acknowledged.
 */
export async function maintain(deps: MaintainDeps): Promise<MaintainReport> {
  return loggingFailure(deps.log, 'maintenance failed', {}, async () => {
    const ended = await available('the database', deps.endStaleSessions());
    const changed = await available('the database', deps.findRoleSettings());
    const settingsFault = changed.length === 0 ? null : new RoleSettingsChanged(changed);
    // logged now too, because another error may end the round
    if (settingsFault !== null) deps.log.error('role settings changed', settingsFault);

    const { verified, head, anchorFault } = await verifyAndAnchor(deps);
    // afterwards, because a session can hold this up
    const pruned = await available('the database', deps.prune());
    const expired = await available('the database', deps.expire());
    // it reads all of the vault
    const spent =
      expired > 0 || deps.isFull() ? await available('the database', deps.dropSpentKeys()) : none;
    const counts = { ended, pruned, expired, droppedKeys: spent.dropped, verified };
    deps.log.info('maintained', { ...counts, ...headFields(head) });
    deps.metrics.publish({ pruned, expired, verified });
    const fault = anchorFault ?? settingsFault ?? (await breakGlassFault(deps));
    if (fault !== null) throw fault;
    return { ...counts, unusedKmsKeys: spent.kmsKeys, audit: encodePosition(head) };
  });
}

async function breakGlassFault({ breakGlass }: MaintainDeps): Promise<BreakGlassOpen | null> {
  const open = await available('the database', breakGlass());
  return open.length === 0 ? null : new BreakGlassOpen(open);
}

async function verifyAndAnchor(
  deps: MaintainDeps,
): Promise<{ verified: number; head: ChainPosition; anchorFault: VaultError | null }> {
  // before the chain, which is then at least as long as what was anchored
  const [reading] = await Promise.allSettled([deps.anchors?.read() ?? []]);
  const anchored = reading.status === 'fulfilled' ? reading.value : [];
  const checkpoint = await available('the database', deps.readCheckpoint());
  const start = deps.isFull() ? chainStart : startOf(checkpoint, anchored);
  const known = [...anchored, ...(checkpoint === null ? [] : [checkpoint])];
  const report = await available('the database', verifyAudit(deps.audit, start, known));
  if (report.findings.length > 0) throw new AuditBroken(report.findings);

  const { verified } = report;
  const head = { id: report.head.id, hash: report.head.hash ?? chainStart.hash };
  let anchoring: PromiseSettledResult<unknown> = reading;
  if (verified > 0) {
    await available('the database', deps.addCheckpoint(head));
    // what was not compared with the anchors does not become one
    if (reading.status === 'fulfilled') {
      [anchoring] = await Promise.allSettled([deps.anchors?.keep(head)]);
    }
  }
  const anchorFault = anchoring.status === 'rejected' ? asVaultError(anchoring.reason) : null;
  return { verified, head, anchorFault };
}

/**
 * From the row that was verified last, or from the newest anchor where that is older: a checkpoint
 * is no more than the database's word.
 */
function startOf(checkpoint: ChainPosition | null, anchored: readonly ChainPosition[]) {
  if (checkpoint === null) return chainStart;
  const newest = anchored.reduce((id, head) => Math.max(id, head.id), 0);
  return startBefore(newest === 0 ? checkpoint.id : Math.min(checkpoint.id, newest));
}
