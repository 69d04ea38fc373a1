import type { Context } from 'aws-lambda';

import { claimReveal, reportFault, takeRevealed } from '../db/audited-requests.ts';
import { createPool } from '../db/pool.ts';
import { databaseConfig, keyScopeConfig, metricsConfig } from '../lib/config.ts';
import { createOpeningKeys } from '../lib/crypto/data-key.ts';
import { createKmsClient, createOpeningKeyService } from '../lib/crypto/kms.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { claimedPrincipal } from '../lib/requests/principal.ts';
import { parseClaimedTokensRequest } from '../lib/requests/request.ts';
import { reveal, type RevealDeps, type RevealResponse } from '../lib/requests/reveal.ts';

const pool = createPool(databaseConfig(), 'request');

const deps: RevealDeps = {
  claim: (context, tokens) => claimReveal(pool, context, tokens),
  take: (requestId) => takeRevealed(pool, requestId),
  reportFault: (requestId, outcomes) => reportFault(pool, requestId, outcomes),
  keys: createOpeningKeys(createOpeningKeyService(createKmsClient(), keyScopeConfig())),
  log: createLog(),
  metrics: createMetrics(metricsConfig()),
};

/** Reveals tokens to a caller who invoked the function directly; nothing but its word says who it is. */
export const handler = async (event: unknown, context: Context): Promise<RevealResponse> => {
  const request = parseClaimedTokensRequest(event);
  return reveal(request, claimedPrincipal(request.requestedBy), context.awsRequestId, deps);
};
