import { claimReveal, reportFault, takeRevealed } from '../db/audited-requests.ts';
import { createPool } from '../db/pool.ts';
import { approvalTopic, databaseConfig, keyScopeConfig, metricsConfig } from '../lib/config.ts';
import { createOpeningKeys } from '../lib/crypto/data-key.ts';
import { createKmsClient, createOpeningKeyService } from '../lib/crypto/kms.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { createNotify } from '../lib/notify.ts';
import { urlHandler } from '../lib/requests/function-url.ts';
import { parseTokensRequest } from '../lib/requests/request.ts';
import { reveal, type RevealDeps } from '../lib/requests/reveal.ts';

const pool = createPool(databaseConfig(), 'request');
const log = createLog();

const deps: RevealDeps = {
  claim: (context, tokens) => claimReveal(pool, context, tokens),
  take: (requestId) => takeRevealed(pool, requestId),
  reportFault: (requestId, outcomes) => reportFault(pool, requestId, outcomes),
  keys: createOpeningKeys(createOpeningKeyService(createKmsClient(), keyScopeConfig())),
  notify: createNotify(approvalTopic(), log),
  log,
  metrics: createMetrics(metricsConfig()),
};

/** Reveals tokens in an emergency, without an approval: the role that it logs in as makes each use an open item. */
export const handler = urlHandler((request, caller, requestId) =>
  reveal(parseTokensRequest(request), caller, requestId, deps),
);
