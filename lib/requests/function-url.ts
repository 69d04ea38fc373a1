import type {
  Context,
  LambdaFunctionURLEventWithIAMAuthorizer,
  LambdaFunctionURLResult,
} from 'aws-lambda';

import type { Principal } from '../audit/entry.ts';
import {
  ApprovalInvalid,
  ApprovalRequired,
  asVaultError,
  CallerUnverified,
  InvalidRequest,
  QuotaExceeded,
  type VaultError,
  VaultUnavailable,
} from '../errors.ts';
import { verifiedPrincipal } from './principal.ts';

type SignedEvent = LambdaFunctionURLEventWithIAMAuthorizer;

/**
 * The handler of a function behind a signed URL. `answer` gets the request's JSON, who signed it and
 * the id of the invocation; what it throws becomes a response too.
 */
export function urlHandler(
  answer: (request: unknown, caller: Principal, requestId: string) => Promise<unknown>,
) {
  return (event: SignedEvent, { awsRequestId }: Context): Promise<LambdaFunctionURLResult> =>
    respond(async () => {
      const caller = verifiedPrincipal(event);
      return answer(requestBody(event), caller, awsRequestId);
    });
}

/** The JSON body of a Function URL's event. Throws `InvalidRequest`. */
export function requestBody(event: Partial<SignedEvent>): unknown {
  const body: unknown = event.body;
  if (typeof body !== 'string') throw new InvalidRequest('body', 'must be a JSON object');
  try {
    return JSON.parse(event.isBase64Encoded ? Buffer.from(body, 'base64').toString() : body);
  } catch {
    throw new InvalidRequest('body', 'must be a JSON object');
  }
}

/** The result of `work` as an HTTP response, or the error's name and message under its status. */
export async function respond(work: () => Promise<unknown>): Promise<LambdaFunctionURLResult> {
  try {
    return response(200, await work());
  } catch (error) {
    const fault = asVaultError(error);
    const denied = fault instanceof QuotaExceeded ? fault : null;
    const retryAt = denied?.retryAt ?? undefined;
    return response(
      statusOf(fault),
      {
        error: fault.name,
        message: fault.message,
        limit: denied?.limit,
        remaining: denied?.remaining ?? undefined,
        retryAt,
        id: fault instanceof ApprovalRequired ? fault.id : undefined,
        problem: fault instanceof ApprovalInvalid ? fault.problem : undefined,
      },
      retryAt === undefined ? {} : { 'retry-after': new Date(retryAt).toUTCString() },
    );
  }
}

function statusOf(fault: VaultError): number {
  if (fault instanceof InvalidRequest) return 400;
  if (fault instanceof CallerUnverified || fault instanceof ApprovalRequired) return 403;
  if (fault instanceof ApprovalInvalid) return 409;
  if (fault instanceof QuotaExceeded) return 429;
  // a retry does not help after SealBroken
  return fault instanceof VaultUnavailable ? 503 : 500;
}

function response(
  statusCode: number,
  body: unknown,
  headers: Record<string, string> = {},
): LambdaFunctionURLResult {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  };
}
