import type { Context } from 'aws-lambda';

import { createPool } from '../db/pool.ts';
import { repeatable } from '../db/query.ts';
import { heldTokens } from '../db/read-sealed.ts';
import { recordOutcomes } from '../db/record-reveal.ts';
import { databaseConfig, keyScopeConfig, tokenKeyArn } from '../lib/config.ts';
import { createKmsClient, createTokenRootService } from '../lib/crypto/kms.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { claimedPrincipal } from '../lib/requests/principal.ts';
import { parseClaimedValuesRequest } from '../lib/requests/request.ts';
import { createTokenizerSource } from '../lib/crypto/token.ts';
import { tokenize, type TokenizeResponse } from '../lib/requests/tokenize.ts';

const pool = createPool(databaseConfig(), 'request');

const parts = {
  tokenizer: createTokenizerSource(createTokenRootService(createKmsClient(), tokenKeyArn())),
  held: (tokens: readonly string[]) => repeatable(() => heldTokens(pool, tokens)),
  recordOutcomes: recordOutcomes.bind(null, pool),
  log: createLog(),
  metrics: createMetrics(keyScopeConfig().stage),
};

/** Finds the tokens of values for a caller who invoked the function directly. */
export const handler = async (event: unknown, context: Context): Promise<TokenizeResponse> => {
  const request = parseClaimedValuesRequest(event);
  return tokenize(request, claimedPrincipal(request.requestedBy), context.awsRequestId, parts);
};
