import { type SQL, sql } from 'drizzle-orm';
import type { Pool } from 'pg';

import type { ApprovalProblem, AuditContext, RequestState } from '../lib/audit/entry.ts';
import type { ChainPosition } from '../lib/audit/chain.ts';
import { DatabaseError } from '../lib/errors.ts';
import type {
  Acknowledgement,
  BreakGlassItem,
  Decided,
  Decision,
  RequestDetails,
  Requested,
  RevealRequest,
  Withdrawal,
} from '../lib/requests/approval.ts';
import { type Connection, repeatable, run, type Statement, statement } from './query.ts';

const p = sql.placeholder;
const caller = sql`${p('requestId')}::text, ${p('source')}::vault.principal_source, ${p('principal')}::text`;
const time = (column: string) =>
  sql`to_char(${sql.identifier(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;

interface ProblemRow {
  problem: ApprovalProblem | null;
  headId: string | null;
  headHash: Buffer | null;
}

const head = sql`head_id as "headId", head_hash as "headHash"`;

/** Runs a statement that records something, and returns its row. */
async function record<Row extends ProblemRow>(
  pool: Pool,
  called: Statement<Row>,
  { requestId, principal, reason }: AuditContext,
  values: Record<string, unknown>,
): Promise<{ row: Row; head: ChainPosition | null }> {
  const [row] = await run(pool, called, {
    requestId,
    source: principal.source,
    principal: principal.id,
    reason,
    ...values,
  });
  if (row === undefined) throw new DatabaseError(null);
  const { headId, headHash } = row;
  return {
    row,
    head: headId === null || headHash === null ? null : { id: Number(headId), hash: headHash },
  };
}

interface RequestedRow extends ProblemRow {
  id: string | null;
  state: RequestState;
  digest: Buffer;
  expiresAt: string;
}

const requestStatement = statement<RequestedRow & Record<string, unknown>>(
  'request_reveal',
  sql`
  select id, state, digest, ${time('expires_at')} as "expiresAt", problem, ${head}
  from vault.request_reveal(${caller}, ${p('reason')}::text, ${p('tokens')}::text[])
`,
);

/** Requests an approval, and records that; an open request for the same is returned again. Throws `DatabaseError`. */
export async function requestReveal(
  pool: Pool,
  context: AuditContext,
  tokens: readonly string[],
): Promise<Requested> {
  const { row, head: position } = await repeatable(() =>
    record(pool, requestStatement, context, { tokens }),
  );
  const { id, state, digest, expiresAt, problem } = row;
  if (id === null) return { problem: problem ?? 'not_found', head: position };
  return { id, state, digest: digest.toString('hex'), expiresAt, problem: null, head: position };
}

interface DecidedRow extends ProblemRow {
  state: Decided['state'] | null;
  tokens: number;
}

function decisionStatement(
  name: string,
  called: SQL,
): Statement<DecidedRow & Record<string, unknown>> {
  return statement(name, sql`select state, tokens, problem, ${head} from ${called}`);
}

const withdrawStatement = decisionStatement(
  'withdraw_request',
  sql`vault.withdraw_request(${caller}, ${p('item')}::uuid)`,
);
const decideStatement = decisionStatement(
  'decide_request',
  sql`vault.decide_request(
    ${caller}, ${p('reason')}::text, ${p('item')}::uuid, ${p('digest')}::bytea, ${p('decision')}::text
  )`,
);
const acknowledgeStatement = decisionStatement(
  'acknowledge_break_glass',
  sql`vault.acknowledge_break_glass(${caller}, ${p('reason')}::text, ${p('item')}::uuid, ${p('shown')}::integer)`,
);

async function decided(
  pool: Pool,
  called: Statement<DecidedRow & Record<string, unknown>>,
  context: AuditContext,
  values: Record<string, unknown>,
): Promise<Decided> {
  const { row, head: position } = await record(pool, called, context, values);
  const { state, tokens, problem } = row;
  if (state === null) return { state, problem: problem ?? 'not_found', head: position };
  return { state, tokens, problem: null, head: position };
}

/** Withdraws a caller's own request, and records that. Throws `DatabaseError`. */
export function withdrawRequest(
  pool: Pool,
  context: AuditContext,
  { item }: Withdrawal,
): Promise<Decided> {
  return decided(pool, withdrawStatement, context, { item });
}

/** Approves or refuses a request, and records that, or why it could not be. Throws `DatabaseError`. */
export function decideRequest(
  pool: Pool,
  context: AuditContext,
  { item, digest, decision }: Decision,
): Promise<Decided> {
  return decided(pool, decideStatement, context, {
    item,
    digest: Buffer.from(digest, 'hex'),
    decision,
  });
}

/** Closes an item of break-glass, and records that, or why it could not be. Throws `DatabaseError`. */
export function acknowledgeBreakGlass(
  pool: Pool,
  context: AuditContext,
  { item, shown }: Acknowledgement,
): Promise<Decided> {
  return decided(pool, acknowledgeStatement, context, { item, shown });
}

const requestColumns = sql`
  id, caller, requested_by as "requestedBy", reason, tokens, encode(digest, 'hex') as digest, state,
  ${time('requested_at')} as "requestedAt", ${time('expires_at')} as "expiresAt",
  decided_by as "decidedBy", ${time('usable_until')} as "usableUntil"
`;
type RequestRow = RevealRequest & Record<string, unknown>;

const ownStatement = statement<RequestRow>(
  'own_requests',
  sql`
  select ${requestColumns}
  from vault.own_requests(${p('source')}::vault.principal_source, ${p('principal')}::text)
`,
);
const openStatement = statement<RequestRow>(
  'open_requests',
  sql`select ${requestColumns} from vault.open_requests()`,
);

/** A caller's own requests, the newest first. Throws `DatabaseError`. */
export function ownRequests(
  pool: Pool,
  { principal }: Pick<AuditContext, 'principal'>,
): Promise<RevealRequest[]> {
  return repeatable(() =>
    run(pool, ownStatement, { source: principal.source, principal: principal.id }),
  );
}

/** The requests that can be decided or used, the oldest first. Throws `DatabaseError`. */
export function openRequests(pool: Pool): Promise<RevealRequest[]> {
  return repeatable(() => run(pool, openStatement));
}

const tokensStatement = statement<RequestDetails & Record<string, unknown>>(
  'requested_tokens',
  sql`
  select stage, expires_us as "expiresUs", tokens from vault.requested_tokens(${p('item')}::uuid)
`,
);

/** What the digest of an open request is made of besides what the list has; null where it is not open. Throws `DatabaseError`. */
export async function requestDetails(pool: Pool, item: string): Promise<RequestDetails | null> {
  const [row] = await repeatable(() => run(pool, tokensStatement, { item }));
  return row ?? null;
}

const breakGlassStatement = statement<BreakGlassItem & Record<string, unknown>>(
  'open_break_glass',
  sql`
  select id, caller, used_by as "usedBy", reason, tokens, ${time('first_used_at')} as "firstUsedAt",
    ${time('last_used_at')} as "lastUsedAt"
  from vault.open_break_glass()
`,
);

/** The uses of break-glass that nobody has acknowledged. Throws `DatabaseError`. */
export function openBreakGlass(connection: Connection): Promise<BreakGlassItem[]> {
  return run(connection, breakGlassStatement);
}

const expireStatement = statement<{ expired: number }>(
  'expire_requests',
  sql`select vault.expire_requests() as expired`,
);

/** Records the requests that nobody decided or used in time; returns how many. Throws `DatabaseError`. */
export async function expireRequests(connection: Connection): Promise<number> {
  const [row] = await run(connection, expireStatement);
  return row?.expired ?? 0;
}
