import type {
  Context,
  LambdaFunctionURLEventWithIAMAuthorizer,
  LambdaFunctionURLResult,
} from 'aws-lambda';

import { eraseValues } from '../db/audited-requests.ts';
import { createPool } from '../db/pool.ts';
import { databaseConfig, keyScopeConfig } from '../lib/config.ts';
import { erase, type EraseDeps } from '../lib/requests/erase.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { requestBody, respond } from '../lib/requests/function-url.ts';
import { verifiedPrincipal } from '../lib/requests/principal.ts';
import { parseTokensRequest } from '../lib/requests/request.ts';

const pool = createPool(databaseConfig(), 'request');

const deps: EraseDeps = {
  erase: (context, tokens) => eraseValues(pool, context, tokens),
  log: createLog(),
  metrics: createMetrics(keyScopeConfig().stage),
};

/** Erases the values of tokens for whoever signed the request to the function's URL. */
export const handler = (
  event: LambdaFunctionURLEventWithIAMAuthorizer,
  context: Context,
): Promise<LambdaFunctionURLResult> =>
  respond(async () => {
    const principal = verifiedPrincipal(event);
    const request = parseTokensRequest(requestBody(event));
    return erase(request, principal, context.awsRequestId, deps);
  });
