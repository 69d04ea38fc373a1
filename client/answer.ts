import {
  AccessDenied,
  ApprovalInvalid,
  ApprovalRequired,
  CallerUnverified,
  InvalidRequest,
  QuotaExceeded,
  SealBroken,
  Throttled,
  UnexpectedAnswer,
  type VaultCallError,
  VaultUnavailable,
} from './errors.ts';
import type { HttpAnswer } from './signed-post.ts';

/** What a function's URL answered, as JSON. Throws a `VaultCallError` for any status but 200. */
export function readAnswer(answer: HttpAnswer): unknown {
  const body = parse(answer.text);
  if (answer.status === 200 && body !== undefined) return body;
  throw errorOf(answer.status, body);
}

function errorOf(status: number, body: unknown): VaultCallError {
  const { error, message, limit, retryAt, remaining, id, problem } = asError(body);
  switch (error) {
    case 'InvalidRequest':
      return new InvalidRequest(message);
    case 'CallerUnverified':
      return new CallerUnverified(message);
    case 'QuotaExceeded':
      return new QuotaExceeded(message, limit, retryAt, remaining);
    case 'ApprovalRequired':
      return new ApprovalRequired(message, id);
    case 'ApprovalInvalid':
      return new ApprovalInvalid(message, problem);
    case 'SealBroken':
      return new SealBroken(message);
    case 'VaultUnavailable':
      return new VaultUnavailable(message);
  }
  // Lambda's own words can repeat the signed headers, so they are not passed on
  if (status === 403) return new AccessDenied();
  return status === 429 ? new Throttled() : new UnexpectedAnswer(status);
}

interface ErrorAnswer {
  error: string;
  message: string;
  limit: 'quota' | 'cap';
  retryAt: Date | null;
  remaining: number | null;
  id: string | null;
  problem: string;
}

function asError(body: unknown): ErrorAnswer {
  const fields = typeof body === 'object' && body !== null ? body : {};
  const text = (name: string) => {
    const value: unknown = Reflect.get(fields, name);
    return typeof value === 'string' ? value : '';
  };
  const at = new Date(text('retryAt'));
  const remaining: unknown = Reflect.get(fields, 'remaining');
  return {
    error: text('error'),
    message: text('message'),
    limit: text('limit') === 'cap' ? 'cap' : 'quota',
    retryAt: Number.isNaN(at.getTime()) ? null : at,
    remaining: Number.isSafeInteger(remaining) ? Number(remaining) : null,
    id: text('id') || null,
    problem: text('problem'),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
