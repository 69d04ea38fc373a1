import { type SQL, sql } from 'drizzle-orm';
import type { Pool } from 'pg';

import type { ApprovalProblem, AuditContext, AuditOutcome, Recorded } from '../lib/audit/entry.ts';
import { DatabaseError, InvalidRequest, OtherGeneration } from '../lib/errors.ts';
import type { StoredValue } from '../lib/requests/reveal.ts';
import { repeatable, run, type Statement, statement } from './query.ts';

const p = sql.placeholder;

interface RecordedRow {
  token: string;
  outcome: AuditOutcome;
  exceeded: 'quota' | 'cap' | 'approval' | null;
  allowed: number;
  remaining: string;
  retry_at: Date | null;
  head_id: string;
  head_hash: Buffer;
  head_at: string;
  item?: string | null;
  problem?: ApprovalProblem | null;
}

const recordedColumns = sql`
  token, outcome, exceeded, allowed, remaining, retry_at, head_id, head_hash,
  to_char(head_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as head_at
`;
const recordParameters = sql`
  ${p('requestId')}::text, ${p('source')}::vault.principal_source, ${p('principal')}::text,
  ${p('reason')}::text, ${p('tokens')}::text[]
`;

function recordStatement(name: string, called: SQL, more = sql``): Statement<RecordedRow> {
  return statement(name, sql`select ${recordedColumns} from ${called}(${recordParameters}${more})`);
}

const pingStatement = statement('ping', sql`select`);
/** SQLSTATE program_limit_exceeded. */
const tooLong = '54000';
const claimRevealStatement = statement<RecordedRow>(
  'claim_reveal',
  sql`
  select ${recordedColumns}, item, problem
  from vault.claim_reveal(${recordParameters}, ${p('approval')}::uuid)
`,
);
const lookUpStatement = recordStatement('look_up', sql`vault.look_up`);
const eraseStatement = recordStatement('erase', sql`vault.erase`, sql`, ${p('suppress')}::boolean`);
const liftStatement = recordStatement('lift', sql`vault.lift`);

async function record(
  pool: Pool,
  called: Statement<RecordedRow>,
  { requestId, principal, reason }: AuditContext,
  tokens: readonly string[],
  values: { approval?: string | null; suppress?: boolean } = {},
): Promise<Recorded> {
  const rows = await run(pool, called, {
    requestId,
    source: principal.source,
    principal: principal.id,
    reason,
    tokens,
    ...values,
  });
  const [first] = rows;
  if (first === undefined) throw new DatabaseError(null);
  const { exceeded, item = null } = first;
  return {
    outcomes: new Map(rows.map(({ outcome }, index) => [tokens[index]!, outcome])),
    names: new Map(rows.map(({ token }, index) => [tokens[index]!, token])),
    denied: exceeded === null ? null : denialOf(exceeded, first),
    breakGlass: exceeded === null && !values.approval ? item : null,
    head: { id: Number(first.head_id), hash: first.head_hash },
    at: first.head_at,
  };
}

function denialOf(
  limit: 'quota' | 'cap' | 'approval',
  { allowed, remaining, retry_at: retryAt, item = null, problem = null }: RecordedRow,
): Recorded['denied'] {
  if (limit === 'approval') return { limit, item, problem };
  return { limit, allowed, remaining: Number(remaining), retryAt };
}

/**
 * Decides what may be revealed and commits one audit row for each token; `takeRevealed` then gives the
 * sealed values. After a lost connection it is tried once more, so a claim whose answer was lost can be
 * recorded twice, but is never missing; one with an approval, which is used once, is not tried again.
 * Throws `DatabaseError`, and `InvalidRequest` for an approval of more than one answer can hold.
 */
export async function claimReveal(
  pool: Pool,
  context: AuditContext,
  tokens: readonly string[],
  approval: string | null = null,
): Promise<Recorded> {
  const claim = () => record(pool, claimRevealStatement, context, tokens, { approval });
  if (approval === null) return repeatable(claim);
  // so that a dead connection uses up no approval
  await repeatable(() => run(pool, pingStatement));
  try {
    return await claim();
  } catch (error) {
    if (!(error instanceof DatabaseError && error.state === tooLong)) throw error;
    throw new InvalidRequest('tokens', 'have more to tell than one answer can hold: ask for fewer');
  }
}

/**
 * Commits one audit row for each token, and returns which of them the vault holds. Throws `OtherGeneration`,
 * with nothing committed, if the token key was replaced; and `DatabaseError`.
 */
export function lookUp(
  pool: Pool,
  context: AuditContext,
  tokens: readonly string[],
): Promise<Recorded> {
  return repeatable(() => record(pool, lookUpStatement, context, tokens)).catch(
    (error: unknown) => {
      throw error instanceof DatabaseError && error.state === 'PV001'
        ? new OtherGeneration()
        : error;
    },
  );
}

const generationStatement = statement<{ generation: number }>(
  'present_generation',
  sql`select vault.present_generation() as generation`,
);

/** The generation of the token key that all tokens are made under now. Throws `DatabaseError`. */
export async function presentGeneration(pool: Pool): Promise<number> {
  const [row] = await repeatable(() => run(pool, generationStatement));
  if (row === undefined) throw new DatabaseError(null);
  return row.generation;
}

/**
 * Deletes the sealed values of the tokens, with `suppress` so that they are not sealed again, and, in the
 * same transaction, writes the audit rows for each token. Throws `DatabaseError`: then nothing is erased, unless only the
 * answer to the commit was lost.
 */
export function eraseValues(
  pool: Pool,
  context: AuditContext,
  tokens: readonly string[],
  suppress = false,
): Promise<Recorded> {
  // under the same request id, a repeated erase finds what the first one did
  return repeatable(() => record(pool, eraseStatement, context, tokens, { suppress }));
}

/** Ends the suppression of the tokens' values, with one audit row for each token. Throws `DatabaseError`. */
export async function liftSuppressions(
  pool: Pool,
  context: AuditContext,
  tokens: readonly string[],
): Promise<Recorded> {
  await repeatable(() => run(pool, pingStatement));
  return record(pool, liftStatement, context, tokens);
}

const takeRevealedStatement = statement<{
  claimed_token: string;
  token: string;
  kind: StoredValue['kind'];
  ciphertext: Buffer;
  data_key_id: string;
  wrapped_key: Buffer;
  kms_key_arn: string;
}>(
  'take_revealed',
  sql`
  select claimed_token, token, kind, ciphertext, data_key_id, wrapped_key, kms_key_arn
  from vault.take_revealed(${p('requestId')}::text)
`,
);

/** SQLSTATE of `vault.flush_commits`, of which nothing was taken. */
const notOnDisk = '57P03';

/** The sealed values that a claim recorded as revealed: once, in no order. Throws `DatabaseError`. */
export async function takeRevealed(pool: Pool, requestId: string): Promise<StoredValue[]> {
  const take = () => run(pool, takeRevealedStatement, { requestId });
  const rows = await take().catch((error: unknown) => {
    if (error instanceof DatabaseError && error.state === notOnDisk) return take();
    throw error;
  });
  return rows.map((row) => ({
    claimed: row.claimed_token,
    token: row.token,
    kind: row.kind,
    ciphertext: row.ciphertext,
    dataKey: { id: row.data_key_id, wrapped: row.wrapped_key, kmsKeyArn: row.kms_key_arn },
  }));
}

const reportFaultStatement = statement<{ head_id: string; head_hash: Buffer }>(
  'report_fault',
  sql`
  select head_id, head_hash from vault.report_fault(
    ${p('requestId')}::text, ${p('tokens')}::text[], ${p('outcomes')}::text[]
  )
`,
);

/** Commits why taken values were not returned. Throws `DatabaseError`. */
export async function reportFault(
  pool: Pool,
  requestId: string,
  outcomes: ReadonlyMap<string, AuditOutcome>,
): Promise<Recorded['head']> {
  const [head] = await run(pool, reportFaultStatement, {
    requestId,
    tokens: [...outcomes.keys()],
    outcomes: [...outcomes.values()],
  });
  if (head === undefined) throw new DatabaseError(null);
  return { id: Number(head.head_id), hash: head.head_hash };
}
