import { claimReveal, reportFault, takeRevealed } from '../db/audited-requests.ts';
import { createPool } from '../db/pool.ts';
import { ownRequests, requestReveal, withdrawRequest } from '../db/reveal-requests.ts';
import { approvalTopic, databaseConfig, keyScopeConfig, metricsConfig } from '../lib/config.ts';
import { createOpeningKeys } from '../lib/crypto/data-key.ts';
import { createNotify } from '../lib/notify.ts';
import { parseRevealAction } from '../lib/requests/approval-request.ts';
import { urlHandler } from '../lib/requests/function-url.ts';
import { createKmsClient, createOpeningKeyService } from '../lib/crypto/kms.ts';
import { createLog } from '../lib/log.ts';
import { createMetrics } from '../lib/metrics.ts';
import { revealAction, type RevealActionDeps } from '../lib/requests/reveal-action.ts';

const pool = createPool(databaseConfig(), 'request');

const log = createLog();

const deps: RevealActionDeps = {
  claim: (context, tokens, approval) => claimReveal(pool, context, tokens, approval),
  take: (requestId) => takeRevealed(pool, requestId),
  reportFault: (requestId, outcomes) => reportFault(pool, requestId, outcomes),
  keys: createOpeningKeys(createOpeningKeyService(createKmsClient(), keyScopeConfig())),
  request: (context, tokens) => requestReveal(pool, context, tokens),
  withdraw: (context, item) => withdrawRequest(pool, context, item),
  ownRequests: (context) => ownRequests(pool, context),
  notify: createNotify(approvalTopic(), log),
  log,
  metrics: createMetrics(metricsConfig()),
};

/** Reveals tokens to whoever signed the request to the function's URL, or takes their request for an approval. */
export const handler = urlHandler((request, caller, requestId) =>
  revealAction(parseRevealAction(request), caller, requestId, deps),
);
