import type { AuditEntry, AuditSearch } from '../db/search-audit.ts';
import type { TokenUse } from '../db/count-logins.ts';
import type { UserToken } from '../db/find-user-tokens.ts';
import type { DataKeyGroup } from '../db/operations/rewrap-keys.ts';
import type { ReportData } from '../cli/report/data.ts';
import type { VaultClient } from '../client/vault-client.ts';
import type { ChainFinding } from '../lib/audit/chain.ts';
import type { ReasonTally } from '../lib/operations/redrive.ts';
import type { PiiKind } from '../lib/pii-fields.ts';
import type { RevealRequest } from '../lib/requests/approval.ts';
import type { OpenItems, ShownRequest } from '../lib/requests/decide.ts';
import type { RevealResponse } from '../lib/requests/reveal.ts';
import type { TokenizeResponse } from '../lib/requests/tokenize.ts';

/** What a verification of the audit chain found. */
export interface ChainState {
  /** The last row of the chain. */
  head: { id: number; hash: string };
  /** From which row on it was verified just now. */
  from: number;
  verified: number;
  findings: readonly ChainFinding[];
  /** When `maintain` verified it last, in UTC. */
  lastVerified: string | null;
}

/** A CloudWatch alarm. */
export interface Alarm {
  name: string;
  state: string;
  description: string;
  since: string;
}

export type Tallies = ReadonlyMap<string, ReasonTally>;

/** A redrive, or its dry run. */
export interface Redriven {
  reasons: Tallies;
  complete: boolean;
}

/** Everything that the pages ask for, each with the person's own rights. All of it may throw. */
export interface ConsoleVault {
  stage: string;
  /** Whose credentials sign the calls. */
  person: string;
  loginsByDay: (days: number) => Promise<Map<string, number>>;
  revealsByDay: (days: number) => Promise<Map<string, number>>;
  /** Reads all that the report shows; `step` is called after each of `steps` steps. */
  report: (step: () => void) => Promise<ReportData>;
  /** About how many messages it holds. */
  queueDepth: (queue: 'login' | 'deadLetter') => Promise<number>;
  /** A sentence about the rotation of the token key that is under way; null where there is none. */
  rotation: () => Promise<string | null>;
  dataKeys: () => Promise<DataKeyGroup[]>;
  /** Verifies the rows since the last verification, or all. */
  chain: (rows: 'since' | 'all') => Promise<ChainState>;
  /** The newest rows, those older than the row `before` where it is not null. */
  searchAudit: (search: AuditSearch, before: number | null, limit: number) => Promise<AuditEntry[]>;
  reveal: (tokens: readonly string[], reason: string) => Promise<RevealResponse>;
  /** What waits for an approver, a request with its tokens, and one's own. `NotForYou` without the policy. */
  openItems: () => Promise<OpenItems>;
  showRequest: (id: string) => Promise<ShownRequest>;
  ownRequests: () => Promise<RevealRequest[]>;
  decide: VaultClient['decide'];
  withdraw: VaultClient['withdraw'];
  acknowledge: VaultClient['acknowledge'];
  erase: VaultClient['erase'];
  lift: VaultClient['lift'];
  /** What the audit says of these tokens, such as `erased 2026-01-31`. */
  ended: (tokens: readonly string[]) => Promise<Map<string, string>>;
  tokensOf: (userId: string) => Promise<UserToken[]>;
  lookUp: (kind: PiiKind, values: readonly string[], reason: string) => Promise<TokenizeResponse>;
  loginsOf: (kind: PiiKind, tokens: readonly string[]) => Promise<Map<string, TokenUse>>;
  /** Counts the dead-letter messages, and with `send` sends those of these reasons. */
  redrive: (plan: { send: boolean; reasons: readonly string[] }) => Promise<Redriven>;
  /** Null where the stage has no CloudWatch. */
  alarms: () => Promise<Alarm[] | null>;
}
