import { lookUp, presentGeneration } from '../db/audited-requests.ts';
import { createPool } from '../db/pool.ts';
import { databaseConfig, metricsConfig, firstGeneration, tokenKeyArns } from '../lib/config.ts';
import { createKmsClient, createTokenRootService } from '../lib/crypto/kms.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { urlHandler } from '../lib/requests/function-url.ts';
import { parseValuesRequest } from '../lib/requests/request.ts';
import { createTokenizerSource } from '../lib/crypto/token.ts';
import { tokenize, type TokenizeDeps } from '../lib/requests/tokenize.ts';

const pool = createPool(databaseConfig(), 'request');
const keyArns = tokenKeyArns();

const deps: TokenizeDeps = {
  tokenizer: createTokenizerSource(
    createTokenRootService(createKmsClient(), keyArns),
    firstGeneration(keyArns),
  ),
  lookUp: (context, tokens) => lookUp(pool, context, tokens),
  generation: () => presentGeneration(pool),
  log: createLog(),
  metrics: createMetrics(metricsConfig()),
};

/** Finds the tokens of values for whoever signed the request to the function's URL. */
export const handler = urlHandler((request, caller, requestId) =>
  tokenize(parseValuesRequest(request), caller, requestId, deps),
);
