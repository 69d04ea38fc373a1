import type { LambdaFunctionURLEventWithIAMAuthorizer } from 'aws-lambda';

import type { Principal } from '../audit/entry.ts';
import { CallerUnverified } from '../errors.ts';

const maxArnLength = 2048;

/** The caller of a direct invocation, as it names itself; CloudTrail has its identity under the request id. */
export function claimedPrincipal(requestedBy: string): Principal {
  return { id: requestedBy, source: 'claimed' };
}

/**
 * The caller of a Function URL with `AWS_IAM`. Lambda verified its signature before it built the
 * event. Throws `CallerUnverified` if the event names no caller.
 */
export function verifiedPrincipal(
  event: Partial<LambdaFunctionURLEventWithIAMAuthorizer> | null,
): Principal {
  const arn: unknown = event?.requestContext?.authorizer?.iam?.userArn;
  if (typeof arn !== 'string' || arn.length > maxArnLength || !/^arn:[\x21-\x7e]+$/.test(arn)) {
    throw new CallerUnverified();
  }
  return { id: arn, source: 'iam' };
}
