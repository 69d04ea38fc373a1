import { eraseValues } from '../db/audited-requests.ts';
import { createPool } from '../db/pool.ts';
import { databaseConfig, keyScopeConfig } from '../lib/config.ts';
import { erase, type EraseDeps } from '../lib/requests/erase.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { urlHandler } from '../lib/requests/function-url.ts';
import { parseTokensRequest } from '../lib/requests/request.ts';

const pool = createPool(databaseConfig(), 'request');

const deps: EraseDeps = {
  erase: (context, tokens) => eraseValues(pool, context, tokens),
  log: createLog(),
  metrics: createMetrics(keyScopeConfig().stage),
};

/** Erases the values of tokens for whoever signed the request to the function's URL. */
export const handler = urlHandler((request, caller, requestId) =>
  erase(parseTokensRequest(request), caller, requestId, deps),
);
