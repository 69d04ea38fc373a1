import { eraseValues, liftSuppressions } from '../db/audited-requests.ts';
import { createPool } from '../db/pool.ts';
import { databaseConfig, metricsConfig } from '../lib/config.ts';
import { erase, type EraseDeps } from '../lib/requests/erase.ts';
import { lift, type LiftDeps } from '../lib/requests/lift.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { urlHandler } from '../lib/requests/function-url.ts';
import { parseEraseRequest } from '../lib/requests/request.ts';

const pool = createPool(databaseConfig(), 'request');

const deps: EraseDeps & LiftDeps = {
  erase: (context, tokens, suppress) => eraseValues(pool, context, tokens, suppress),
  lift: (context, tokens) => liftSuppressions(pool, context, tokens),
  log: createLog(),
  metrics: createMetrics(metricsConfig()),
};

/** Erases the values of tokens, for good or not, or lifts that, for whoever signed the request to the function's URL. */
export const handler = urlHandler((body, caller, requestId) => {
  const { action, ...request } = parseEraseRequest(body);
  return action === 'lift'
    ? lift(request, caller, requestId, deps)
    : erase(request, caller, requestId, deps, action === 'suppress');
});
