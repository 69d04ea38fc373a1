/**
 * Every failure a caller of the vault can meet. A message says what to do and shows no value, no
 * token and nothing of the request's signature.
 */

/** Base class; `code` stays the same across releases. */
export abstract class VaultCallError extends Error {
  abstract override readonly name: string;
  abstract readonly code: string;
}

/** The request breaks a rule, which the message names. */
export class InvalidRequest extends VaultCallError {
  override readonly name = 'InvalidRequest';
  readonly code = 'ERR_INVALID_REQUEST';
}

/** The vault did not learn who calls. */
export class CallerUnverified extends VaultCallError {
  override readonly name = 'CallerUnverified';
  readonly code = 'ERR_CALLER_UNVERIFIED';
}

/** An hourly limit leaves no room for the request. */
export class QuotaExceeded extends VaultCallError {
  override readonly name = 'QuotaExceeded';
  readonly code = 'ERR_QUOTA_EXCEEDED';
  /** `quota` is this caller's own limit, `cap` that of all callers together. */
  readonly limit: 'quota' | 'cap';
  /** When to try again; null when the request is larger than the limit. */
  readonly retryAt: Date | null;
  /** How many tokens this caller may still ask for; null where it is not known, as for the cap. */
  readonly remaining: number | null;

  constructor(
    message: string,
    limit: 'quota' | 'cap',
    retryAt: Date | null,
    remaining: number | null = null,
  ) {
    super(message);
    this.limit = limit;
    this.retryAt = retryAt;
    this.remaining = remaining;
  }
}

/** So many tokens within 24 hours need somebody else's approval first. */
export class ApprovalRequired extends VaultCallError {
  override readonly name = 'ApprovalRequired';
  readonly code = 'ERR_APPROVAL_REQUIRED';
  /** Of the request that now waits for an approver; null where this caller cannot request an approval. */
  readonly id: string | null;

  constructor(message: string, id: string | null) {
    super(message);
    this.id = id;
  }
}

/** An approval, a request or an item is not one that this call can do something with. */
export class ApprovalInvalid extends VaultCallError {
  override readonly name = 'ApprovalInvalid';
  readonly code = 'ERR_APPROVAL_INVALID';
  /** One word, such as `own`, `different`, `expired` or `used`. */
  readonly problem: string;

  constructor(message: string, problem: string) {
    super(message);
    this.problem = problem;
  }
}

/** A sealed value does not open: it was changed or moved in the database. */
export class SealBroken extends VaultCallError {
  override readonly name = 'SealBroken';
  readonly code = 'ERR_SEAL_BROKEN';
}

/** The database or KMS did not answer the vault. */
export class VaultUnavailable extends VaultCallError {
  override readonly name = 'VaultUnavailable';
  readonly code = 'ERR_VAULT_UNAVAILABLE';
}

/** AWS refuses the caller before the vault is asked. */
export class AccessDenied extends VaultCallError {
  override readonly name = 'AccessDenied';
  readonly code = 'ERR_ACCESS_DENIED';

  constructor() {
    super(
      'AWS refused the request: attach the managed policy for this URL to your identity, ' +
        'and check that your credentials are valid and not expired',
    );
  }
}

/** There are no AWS credentials to sign with. */
export class NoCredentials extends VaultCallError {
  override readonly name = 'NoCredentials';
  readonly code = 'ERR_NO_CREDENTIALS';

  constructor() {
    super('no AWS credentials were found: log in (aws sso login) or set AWS_PROFILE');
  }
}

/** The URL cannot be called as it is. */
export class InvalidUrl extends VaultCallError {
  override readonly name = 'InvalidUrl';
  readonly code = 'ERR_INVALID_URL';
}

/** Lambda has no free capacity for the function, which did not run. */
export class Throttled extends VaultCallError {
  override readonly name = 'Throttled';
  readonly code = 'ERR_THROTTLED';

  constructor() {
    super('Lambda has no capacity for the function at present: try again');
  }
}

/** The URL could not be reached, or the connection broke before the answer was complete. */
export class VaultUnreachable extends VaultCallError {
  override readonly name = 'VaultUnreachable';
  readonly code = 'ERR_VAULT_UNREACHABLE';
  /** True when no connection was made, so that the function certainly did not run. */
  readonly wasNotSent: boolean;

  constructor(reason: string, wasNotSent: boolean) {
    super(`the vault's URL did not answer (${reason})`);
    this.wasNotSent = wasNotSent;
  }
}

/** An answer that is not the vault's: the function crashed or ran out of time, or the URL is wrong. */
export class UnexpectedAnswer extends VaultCallError {
  override readonly name = 'UnexpectedAnswer';
  readonly code = 'ERR_UNEXPECTED_ANSWER';
  readonly status: number;

  constructor(status: number) {
    super(`the URL answered with status ${status} and without the vault's own error`);
    this.status = status;
  }
}
