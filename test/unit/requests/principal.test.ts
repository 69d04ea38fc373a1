import type { LambdaFunctionURLEventWithIAMAuthorizer } from 'aws-lambda';
import { describe, expect, it } from 'vitest';

import { CallerUnverified } from '../../../lib/errors.ts';
import { claimedPrincipal, verifiedPrincipal } from '../../../lib/requests/principal.ts';
import { readable } from '../../helpers/readable.ts';

const arn = 'arn:aws:sts::123456789012:assumed-role/Support/jane.doe@example.org';

const event = (requestContext: unknown) =>
  ({ requestContext }) as Partial<LambdaFunctionURLEventWithIAMAuthorizer>;
const signedBy = (userArn: unknown) => event({ authorizer: { iam: { userArn } } });

describe('a principal', () => {
  it('of a direct call is claimed, whatever name it gives', () => {
    expect(claimedPrincipal(arn)).toEqual({ id: arn, source: 'claimed' });
  });

  it.each([
    arn,
    'arn:aws:iam::123456789012:user/jane',
    'arn:aws:iam::123456789012:user/Division_ABC/sub/JANE+x=,.@-_',
    'arn:aws:iam::123456789012:root',
    'arn:aws-cn:iam::123456789012:user/jane',
    'arn:aws:STS::123456789012:assumed-role/SUPPORT/i-0123456789abcdef0',
  ])('of a signed call is verified: %s', (userArn) => {
    expect(verifiedPrincipal(signedBy(userArn))).toEqual({ id: userArn, source: 'iam' });
  });

  it.each([
    ['no context', {}],
    ['an empty context', event({})],
    ['no authorizer', event({ authorizer: null })],
    ['no iam', event({ authorizer: {} })],
    ['another authorizer', event({ authorizer: { jwt: { claims: { userArn: arn } } } })],
    ['no ARN', event({ authorizer: { iam: {} } })],
    ['null', signedBy(null)],
    ['an array', signedBy([arn])],
    ['an object', signedBy({ toString: () => arn })],
    ['nothing', signedBy('')],
    ['a name', signedBy('jane')],
    ['a space before it', signedBy(` ${arn}`)],
    ['a second line', signedBy(`${arn}\narn:aws:iam::123456789012:root`)],
    ['a NUL', signedBy(`${arn}\0`)],
    ['a look-alike letter', signedBy(arn.replace('a', '\u0430'))],
    ['more than 2048 characters', signedBy(`${arn}${'x'.repeat(2048)}`)],
    ['10 MB', signedBy(`arn:${'x'.repeat(10_000_000)}`)],
  ])('is refused with %s in place of an ARN, which is not told', (_what, forged) => {
    const attempt = () => verifiedPrincipal(forged);
    expect(attempt).toThrow(CallerUnverified);
    try {
      attempt();
    } catch (error) {
      expect(readable(error)).not.toContain('123456789012');
    }
  });
});
