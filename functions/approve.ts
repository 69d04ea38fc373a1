import { createPool } from '../db/pool.ts';
import {
  acknowledgeBreakGlass,
  decideRequest,
  openBreakGlass,
  openRequests,
  requestDetails,
} from '../db/reveal-requests.ts';
import { approvalTopic, databaseConfig } from '../lib/config.ts';
import { createLog } from '../lib/log.ts';
import { createNotify } from '../lib/notify.ts';
import { decide, type DecideDeps } from '../lib/requests/decide.ts';
import { parseApproverAction } from '../lib/requests/approval-request.ts';
import { urlHandler } from '../lib/requests/function-url.ts';

const pool = createPool(databaseConfig(), 'request');
const log = createLog();

const deps: DecideDeps = {
  openRequests: () => openRequests(pool),
  openBreakGlass: () => openBreakGlass(pool),
  details: (id) => requestDetails(pool, id),
  decide: (context, decision) => decideRequest(pool, context, decision),
  acknowledge: (context, item) => acknowledgeBreakGlass(pool, context, item),
  notify: createNotify(approvalTopic(), log),
  log,
};

/** Shows large reveals to whoever signed the request to the function's URL, and takes their decisions. */
export const handler = urlHandler((request, caller, requestId) =>
  decide(parseApproverAction(request), caller, requestId, deps),
);
