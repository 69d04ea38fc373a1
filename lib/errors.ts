import type { ApprovalProblem, LimitReached } from './audit/entry.ts';

/** Every error the vault reports. A message says what is wrong and never holds a value. */

/** Base class. Lambda returns `name` as `errorType`; `code` stays the same across releases. */
export abstract class VaultError extends Error {
  // written out in each class: a minified bundle renames the classes themselves
  abstract override readonly name: string;
  abstract readonly code: string;
}

/** The request is not valid; `field` is the part to correct. */
export class InvalidRequest extends VaultError {
  override readonly name = 'InvalidRequest';
  override readonly code = 'ERR_INVALID_REQUEST';
  readonly field: string;

  constructor(field: string, problem: string) {
    super(`${field} ${problem}`);
    this.field = field;
  }
}

/** The event does not name the signed caller of a Function URL, so nothing is revealed. */
export class CallerUnverified extends VaultError {
  override readonly name = 'CallerUnverified';
  override readonly code = 'ERR_CALLER_UNVERIFIED';

  constructor() {
    super('the request carries no IAM identity: call the Function URL with a SigV4 signature');
  }
}

/** An hourly limit leaves no room: the caller's quota, or the cap of all callers together. */
export class QuotaExceeded extends VaultError {
  override readonly name = 'QuotaExceeded';
  override readonly code = 'ERR_QUOTA_EXCEEDED';
  readonly limit: 'quota' | 'cap';
  /** How many tokens the caller's own quota still leaves; null for the cap, which others use too. */
  readonly remaining: number | null;
  /** ISO 8601; null when the request is larger than the limit. */
  readonly retryAt: string | null;

  constructor({ limit, allowed, remaining, retryAt }: LimitReached) {
    const left =
      limit === 'quota'
        ? `${remaining} of your ${allowed} tokens an hour are left`
        : `all callers together have used the cap of ${allowed} tokens an hour`;
    super(
      retryAt === null
        ? `the request names more tokens than the ${limit} of ${allowed} an hour: ask for fewer`
        : `${left}: ask for fewer, or try again at ${retryAt.toISOString()}`,
    );
    this.limit = limit;
    this.remaining = limit === 'quota' ? remaining : null;
    this.retryAt = retryAt?.toISOString() ?? null;
  }
}

/** A reveal is so large that somebody else has to approve it first; `id` is that of the request for that. */
export class ApprovalRequired extends VaultError {
  override readonly name = 'ApprovalRequired';
  override readonly code = 'ERR_APPROVAL_REQUIRED';
  /** Null where the caller cannot request an approval. */
  readonly id: string | null;

  constructor(id: string | null, problem: ApprovalProblem | null) {
    super(
      id === null
        ? `an approval is needed for so many tokens within 24 hours: ${approvalProblems[problem ?? 'no_person']}`
        : `somebody else has to approve so many tokens within 24 hours: request ${id} waits for that`,
    );
    this.id = id;
  }
}

/** Something about an approval cannot be done; `problem` stays the same across releases. */
export class ApprovalInvalid extends VaultError {
  override readonly name = 'ApprovalInvalid';
  override readonly code = 'ERR_APPROVAL_INVALID';
  readonly problem: ApprovalProblem;

  constructor(problem: ApprovalProblem) {
    super(approvalProblems[problem]);
    this.problem = problem;
  }
}

const approvalProblems: Readonly<Record<ApprovalProblem, string>> = {
  requested: 'nobody has approved the request yet',
  approved: 'the request is approved already',
  refused: 'the request was refused',
  expired: 'the request has expired: make a new one',
  withdrawn: 'the request was withdrawn',
  used: 'the approval was used before, and each is valid once: make a new request',
  acknowledged: 'it was acknowledged already',
  different:
    'the approval is for other tokens or another reason, or the digest is not that of the request',
  more_revealed: 'more was revealed since, or another number of tokens was shown: look at it again',
  no_person:
    'it takes an IAM user, a role or a user of IAM Identity Center: the root user, federated users and claimed names ' +
    'cannot be told from others',
  not_found: 'there is no such request or item that you made or may decide on',
  off: 'approvals are not switched on in this stage',
  own: 'you cannot decide on your own: another person has to',
  too_many: 'too many requests are open: withdraw one, or wait for decisions',
};

/** A sealed value does not open: wrong key, wrong row or changed bytes. One message for all of them. */
export class SealBroken extends VaultError {
  override readonly name = 'SealBroken';
  override readonly code = 'ERR_SEAL_BROKEN';

  constructor() {
    super('a sealed value does not open in its place');
  }
}

/** A fault of the database or of KMS, which may be transient. Nothing was revealed or acknowledged. */
export class VaultUnavailable extends VaultError {
  override readonly name = 'VaultUnavailable';
  override readonly code = 'ERR_VAULT_UNAVAILABLE';

  constructor(what: string, cause?: VaultError) {
    const isRefused = cause instanceof KeyServiceError && cause.refusesKey;
    const problem = isRefused
      ? `${what} denies the vault access to a key: trying again does not help, tell its operators`
      : `${what} is unavailable: try again`;
    super(problem, cause && { cause });
  }
}

/** The audit chain does not verify: rows were changed, moved, added or removed. */
export class AuditBroken extends VaultError {
  override readonly name = 'AuditBroken';
  override readonly code = 'ERR_AUDIT_BROKEN';

  /** Takes one finding or more, of which the first ones are named, or another problem. */
  constructor(findings: readonly { id: number; problem: string }[], other?: string) {
    const named = findings.slice(0, 3).map(({ id, problem }) => `audit row ${id} ${problem}`);
    const others = findings.length - named.length;
    super(other ?? [...named, ...(others > 0 ? [`and ${others} more findings`] : [])].join('; '));
  }
}

/** A role logs in with settings that are not the vault's, which can weaken what it promises. */
export class RoleSettingsChanged extends VaultError {
  override readonly name = 'RoleSettingsChanged';
  override readonly code = 'ERR_ROLE_SETTINGS_CHANGED';

  /** Takes a phrase for each role, such as `settings of vault_reveal: synchronous_commit`. */
  constructor(changed: readonly string[]) {
    super(`${changed.join('; ')}: see who changed them, then run migrate, which resets them`);
  }
}

/** Values were revealed by break-glass, and nobody else has acknowledged that. */
export class BreakGlassOpen extends VaultError {
  override readonly name = 'BreakGlassOpen';
  override readonly code = 'ERR_BREAK_GLASS_OPEN';

  constructor(items: readonly string[]) {
    const named = items.slice(0, 3).join(', ');
    const others = items.length > 3 ? ` and ${items.length - 3} more` : '';
    super(`break-glass was used and an approver has not acknowledged it: ${named}${others}`);
  }
}

/** Tokens are of another generation of the token key than the present one; nothing was done with them. */
export class OtherGeneration extends VaultError {
  override readonly name = 'OtherGeneration';
  override readonly code = 'ERR_OTHER_GENERATION';

  constructor() {
    super('the tokens are of another generation of the token key');
  }
}

/** A rotation was begun under another next token key than the one that is deployed now; nothing was named under that. */
export class OtherNextKey extends VaultError {
  override readonly name = 'OtherNextKey';
  override readonly code = 'ERR_OTHER_NEXT_KEY';

  /** Takes the ARNs; `begun` is null if it was not noted. */
  constructor(begun: string | null, deployed: string) {
    super(
      `the rotation was begun under the token key ${begun ?? 'that release 0.3.0 did not note'}, and ${deployed} is deployed`,
    );
  }
}

/** Values came again and again while ingest was paused: tokens were not replaced. */
export class IngestNotPaused extends VaultError {
  override readonly name = 'IngestNotPaused';
  override readonly code = 'ERR_INGEST_NOT_PAUSED';

  constructor(count: number) {
    super(
      `${count} values came while ingest was paused, and others before: somebody else uses the login vault_ingest, so nothing ` +
        'was replaced. As vault_migrator, take that login away (alter role vault_ingest nologin), rotate again, and give it back',
    );
  }
}

/** Sessions kept user_logins locked, so that its tokens could not be replaced. */
export class LoginsLocked extends VaultError {
  override readonly name = 'LoginsLocked';
  override readonly code = 'ERR_LOGINS_LOCKED';

  constructor(blockers: readonly { pid: number; user: string; since: string | null }[]) {
    const sessions = blockers.map(
      ({ pid, user, since }) =>
        `${user}, process ${pid}${since === null ? '' : `, since ${since}`}`,
    );
    super(
      `user_logins is locked, so nothing was changed (by ${sessions.join('; ') || 'nobody any more'}): ` +
        'wait for it or end it, and try again',
    );
  }
}

/** The vault cannot write to what is in the database already; nothing was changed. */
export class DatabaseUnfit extends VaultError {
  override readonly name = 'DatabaseUnfit';
  override readonly code = 'ERR_DATABASE_UNFIT';
  /** Each names a table and column, and what the vault needs there. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`nothing was migrated: ${faults.join('; ')}`);
    this.faults = faults;
  }
}

/** An error of Postgres or its socket, without the statement's parameters, detail or message. */
export class DatabaseError extends VaultError {
  override readonly name = 'DatabaseError';
  override readonly code = 'ERR_DATABASE';
  /** SQLSTATE, or the socket's error code such as `ECONNRESET`; null when there was none. */
  readonly state: string | null;

  constructor(state: string | null) {
    super(state === null ? 'the database did not answer' : `the database answered ${state}`);
    this.state = state;
  }

  /** Postgres refuses the rows themselves (SQLSTATE classes 22 and 23): a retry cannot help. */
  get refusesData(): boolean {
    return this.state !== null && /^(22|23)[0-9A-Z]{3}$/.test(this.state);
  }

  /** The connection can no longer be used: it broke, was refused, or was closed because a statement took too long. */
  get isConnectionSpent(): boolean {
    return this.lostConnection || this.state === 'ETIMEDOUT' || this.state === 'ECONNREFUSED';
  }

  /** The connection was lost during the statement; whether it took effect is not known. */
  get lostConnection(): boolean {
    return this.state !== null && /^(08...|57P0[1-3]|ECONN(RESET|ABORTED)|EPIPE)$/.test(this.state);
  }
}

/**
 * The result of `work`. If it fails, throws `VaultUnavailable`, which names `what`; or `AuditBroken` or
 * `InvalidRequest` as it is.
 */
export async function available<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof AuditBroken || error instanceof InvalidRequest) throw error;
    throw new VaultUnavailable(what, asVaultError(error));
  }
}

/** An error of a service of AWS, without the request. */
abstract class AwsServiceError extends VaultError {
  /** AWS's exception name, such as `ThrottlingException`; null when there was none. */
  readonly exception: string | null;

  constructor(service: string, exception: string | null) {
    super(`${service} ${exception === null ? 'did not answer' : `answered ${exception}`}`);
    this.exception = exception;
  }
}

/** An error of KMS. */
export class KeyServiceError extends AwsServiceError {
  override readonly name = 'KeyServiceError';
  override readonly code = 'ERR_KEY_SERVICE';

  constructor(exception: string | null) {
    super('KMS', exception);
  }

  /** The key may not be used, or is disabled or gone: repeating cannot help. */
  get refusesKey(): boolean {
    return keyRefusals.has(this.exception ?? '');
  }
}

const keyRefusals = new Set([
  'AccessDeniedException',
  'DisabledException',
  'KMSInvalidStateException',
  'NotFoundException',
]);

/** An error of S3 about the bucket that keeps heads of the audit chain. */
export class AuditBucketError extends AwsServiceError {
  override readonly name = 'AuditBucketError';
  override readonly code = 'ERR_AUDIT_BUCKET';

  constructor(exception: string | null) {
    super('the audit bucket', exception);
  }
}

/** A variable of the environment is missing or not valid. */
export class InvalidConfig extends VaultError {
  override readonly name = 'InvalidConfig';
  override readonly code = 'ERR_INVALID_CONFIG';

  constructor(variable: string, problem: string) {
    super(`environment variable ${variable} ${problem}`);
  }
}

/** The error itself if it is the vault's own; otherwise one that shows nothing of it. */
export function asVaultError(error: unknown): VaultError {
  return error instanceof VaultError ? error : new VaultUnavailable('the vault');
}
