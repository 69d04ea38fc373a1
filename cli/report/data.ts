import type { ActionCount, AuditState, KeyCount, PersonDay } from '../../db/report/audit.ts';
import type { GroupCount } from '../../db/report/groups.ts';
import type { DayCount, Overview, VersionCount } from '../../db/report/logins.ts';
import type { TokenUse } from '../../db/report/token-use.ts';
import type { PiiKind } from '../../lib/pii-fields.ts';
import type { Share } from './interval.ts';

/** How many users shared tokens link. */
export interface ClusterSizes {
  /** Users in the largest cluster. */
  largest: number;
  /** Users that are linked to another. */
  linked: number;
}

/** The tokens of one kind. */
export interface KindData {
  kind: PiiKind;
  use: TokenUse;
  clusters: ClusterSizes;
}

/** What `vault_analyst` sees of the logins. */
export interface LoginsData {
  overview: Overview;
  days: DayCount[];
  versions: VersionCount[];
  kinds: KindData[];
  groups: GroupCount[];
  singledOut: Share[];
  /** Linked by tokens of any kind. */
  clusters: ClusterSizes;
}

/** What `vault_auditor` sees. */
export interface AuditData {
  state: AuditState;
  actions: ActionCount[];
  people: PersonDay[];
  /** Null where the role may not read them. */
  keys: KeyCount[] | null;
}

/** What is in the queues. */
export interface QueueData {
  inFlight: number;
  /** Dead-letter messages by reason. */
  reasons: ReadonlyMap<string, number>;
  /** False where there are more than could be counted. */
  complete: boolean;
}

/** A part of the report, or why it could not be read. */
export type Part<T> = { data: T } | { problem: string };

/** Everything that the report shows. */
export interface ReportData {
  stage: string;
  at: Date;
  logins: LoginsData;
  audit: Part<AuditData>;
  queue: Part<QueueData>;
}

/** How far charts by day go back. */
export const chartDays = 90;
