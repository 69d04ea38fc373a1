import type {
  Context,
  LambdaFunctionURLEventWithIAMAuthorizer,
  LambdaFunctionURLResult,
} from 'aws-lambda';

import { createPool } from '../db/pool.ts';
import { repeatable } from '../db/query.ts';
import { heldTokens } from '../db/read-sealed.ts';
import { recordOutcomes } from '../db/record-reveal.ts';
import { databaseConfig, keyScopeConfig, tokenKeyArn } from '../lib/config.ts';
import { createKmsClient, createTokenRootService } from '../lib/crypto/kms.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { requestBody, respond } from '../lib/requests/function-url.ts';
import { verifiedPrincipal } from '../lib/requests/principal.ts';
import { parseValuesRequest } from '../lib/requests/request.ts';
import { createTokenizerSource } from '../lib/crypto/token.ts';
import { tokenize } from '../lib/requests/tokenize.ts';

const pool = createPool(databaseConfig(), 'request');

const parts = {
  tokenizer: createTokenizerSource(createTokenRootService(createKmsClient(), tokenKeyArn())),
  held: (tokens: readonly string[]) => repeatable(() => heldTokens(pool, tokens)),
  recordOutcomes: recordOutcomes.bind(null, pool),
  log: createLog(),
  metrics: createMetrics(keyScopeConfig().stage),
};

/** Finds the tokens of values for whoever signed the request to the function's URL. */
export const handler = (
  event: LambdaFunctionURLEventWithIAMAuthorizer,
  context: Context,
): Promise<LambdaFunctionURLResult> =>
  respond(async () => {
    const principal = verifiedPrincipal(event);
    const request = parseValuesRequest(requestBody(event));
    return tokenize(request, principal, context.awsRequestId, parts);
  });
