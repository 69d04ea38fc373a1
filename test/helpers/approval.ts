import { randomUUID } from 'node:crypto';

import { claimReveal } from '../../db/audited-requests.ts';
import {
  acknowledgeBreakGlass,
  decideRequest,
  openBreakGlass,
  openRequests,
  ownRequests,
  requestDetails,
  requestReveal,
  withdrawRequest,
} from '../../db/reveal-requests.ts';
import type { Principal, Recorded } from '../../lib/audit/entry.ts';
import type { Decided, Requested } from '../../lib/requests/approval.ts';
import type { Notify } from '../../lib/notify.ts';
import type { DecideDeps } from '../../lib/requests/decide.ts';
import type { RevealActionDeps } from '../../lib/requests/reveal-action.ts';
import type { KmsDouble } from '../../scripts/local/kms-double.ts';
import type { TestDatabase } from './database.ts';
import { revealDeps, silentLog } from './vault.ts';

/** IAM users, sessions of roles, and users of IAM Identity Center. */
export const someone = {
  user: (name: string): Principal => ({
    id: `arn:aws:iam::123456789012:user/${name}`,
    source: 'iam',
  }),
  session: (role: string, name: string): Principal => ({
    id: `arn:aws:sts::123456789012:assumed-role/${role}/${name}`,
    source: 'iam',
  }),
  sso: (permissionSet: string, name: string): Principal =>
    someone.session(`AWSReservedSSO_${permissionSet}_0123456789abcdef`, name),
};

/** Has the vault ask for an approval above this number of tokens within 24 hours; null: never. */
export async function requireApproval(
  { admin }: Pick<TestDatabase, 'admin'>,
  above: number | null,
): Promise<void> {
  await admin.query(
    `insert into vault.approval_rule (stage, above, hours) values ('test', $1, 24)
     on conflict (only_row) do update set above = excluded.above`,
    [above],
  );
}

/** The reason of every request of an `ApprovalWorld`. */
export const approvalReason = 'a reason of somebody';

const as = (principal: Principal) => ({
  requestId: randomUUID(),
  principal,
  reason: approvalReason,
});

/** What callers and approvers do in the database, each call as the role that their function logs in as. */
export interface ApprovalWorld {
  reveal: (
    who: Principal,
    tokens: readonly string[],
    options?: { approval?: string; reason?: string; requestId?: string },
  ) => Promise<Recorded>;
  request: (who: Principal, tokens: readonly string[]) => Promise<Made>;
  decide: (
    who: Principal,
    request: Pick<Made, 'id' | 'digest'>,
    decision?: 'approved' | 'refused',
  ) => Promise<Decided>;
  withdraw: (who: Principal, id: string) => Promise<Decided>;
  breakGlass: (who: Principal, tokens: readonly string[]) => Promise<Recorded>;
  acknowledge: (who: Principal, id: string, shown: number) => Promise<Decided>;
}

/** A request that was made. */
export type Made = Extract<Requested, { problem: null }>;

/** Opens a world whose sessions are its own. */
export function approvalWorld(database: TestDatabase): ApprovalWorld {
  const url = database.as('vault_reveal_url');
  const approve = database.as('vault_approve');
  const emergency = database.as('vault_break_glass');
  return {
    reveal: (who, tokens, { approval, ...changes } = {}) =>
      claimReveal(url, { ...as(who), ...changes }, tokens, approval),
    request: async (who, tokens) => {
      const made = await requestReveal(url, as(who), tokens);
      if (made.problem !== null) throw new Error(made.problem);
      return made;
    },
    decide: (who, { id, digest }, decision = 'approved') =>
      decideRequest(approve, as(who), { item: id, digest, decision }),
    withdraw: (who, id) => withdrawRequest(url, as(who), { item: id }),
    breakGlass: (who, tokens) => claimReveal(emergency, as(who), tokens),
    acknowledge: (who, id, shown) => acknowledgeBreakGlass(approve, as(who), { item: id, shown }),
  };
}

/** The deps of `reveal-url` and `approve` as their functions wire them, against a test's database and KMS. */
export function approvalDeps(
  database: TestDatabase,
  kms: KmsDouble,
  notify: Notify = async () => undefined,
): { requesting: RevealActionDeps; deciding: DecideDeps } {
  const [url, approve] = [database.as('vault_reveal_url'), database.as('vault_approve')];
  return {
    requesting: {
      ...revealDeps(database, kms, 'vault_reveal_url'),
      request: (context, asked) => requestReveal(url, context, asked),
      withdraw: (context, item) => withdrawRequest(url, context, item),
      ownRequests: (context) => ownRequests(url, context),
      notify,
    },
    deciding: {
      openRequests: () => openRequests(approve),
      openBreakGlass: () => openBreakGlass(approve),
      details: (id) => requestDetails(approve, id),
      decide: (context, decision) => decideRequest(approve, context, decision),
      acknowledge: (context, item) => acknowledgeBreakGlass(approve, context, item),
      notify,
      log: silentLog,
    },
  };
}
