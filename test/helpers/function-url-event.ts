import type { LambdaFunctionURLEventWithIAMAuthorizer } from 'aws-lambda';

/** The event that Lambda builds for a signed request to a Function URL, its body as JSON. */
export function functionUrlEvent(
  body: unknown,
  userArn = 'arn:aws:sts::123456789012:assumed-role/Fraud/grace',
): LambdaFunctionURLEventWithIAMAuthorizer {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/',
    rawQueryString: '',
    headers: { 'content-type': 'application/json' },
    requestContext: {
      accountId: '123456789012',
      apiId: 'urlid',
      authorizer: {
        iam: {
          accessKey: 'AKIAEXAMPLE',
          accountId: '123456789012',
          callerId: 'AROAEXAMPLE:grace',
          cognitoIdentity: null,
          principalOrgId: 'o-example',
          userArn,
          userId: 'AROAEXAMPLE:grace',
        },
      },
      domainName: 'urlid.lambda-url.eu-central-1.on.aws',
      domainPrefix: 'urlid',
      http: {
        method: 'POST',
        path: '/',
        protocol: 'HTTP/1.1',
        sourceIp: '192.0.2.1',
        userAgent: '',
      },
      requestId: 'request',
      routeKey: '$default',
      stage: '$default',
      time: '31/Jan/2026:23:59:59 +0000',
      timeEpoch: Date.UTC(2026, 0, 31, 23, 59, 59),
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    isBase64Encoded: false,
  };
}
