import type { Context } from 'aws-lambda';

import { eraseValues } from '../db/erase-values.ts';
import { createPool } from '../db/pool.ts';
import { databaseConfig, keyScopeConfig } from '../lib/config.ts';
import { erase, type EraseCertificate } from '../lib/requests/erase.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { claimedPrincipal } from '../lib/requests/principal.ts';
import { parseClaimedTokensRequest } from '../lib/requests/request.ts';

const parts = {
  erase: eraseValues.bind(null, createPool(databaseConfig(), 'request')),
  log: createLog(),
  metrics: createMetrics(keyScopeConfig().stage),
};

/** Erases the values of tokens for a caller who invoked the function directly. */
export const handler = async (event: unknown, context: Context): Promise<EraseCertificate> => {
  const request = parseClaimedTokensRequest(event);
  return erase(request, claimedPrincipal(request.requestedBy), context.awsRequestId, parts);
};
