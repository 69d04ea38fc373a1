import * as z from 'zod/mini';

import { InvalidRequest } from '../errors.ts';
import {
  maxPerApproval,
  maxPerRequest,
  parse,
  reason,
  type TokensRequest,
  tokensUpTo,
} from './request.ts';

const id = z.string().check(z.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/));
const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const shown = z.int().check(z.gte(1), z.lte(2 ** 31 - 1));
const action = z.string();
const manyTokens = tokensUpTo(maxPerApproval);

const revealRequest = z.strictObject({
  action: z.optional(action),
  tokens: manyTokens,
  reason,
  approval: z.optional(id),
});
const tokensRequest = z.strictObject({ action, tokens: manyTokens, reason });
const plainRequest = z.strictObject({ action });
const itemRequest = z.strictObject({ action, id });
const decisionRequest = z.strictObject({ action, id, digest, reason });
const acknowledgement = z.strictObject({ action, id, shown, reason });

/** What a caller of `reveal-url` asks for; without `action` it reveals. */
export type RevealAction =
  | (TokensRequest & { action: 'reveal'; approval: string | null })
  | (TokensRequest & { action: 'request' })
  | { action: 'withdraw'; id: string }
  | { action: 'list' };

/** What a caller of `approve` asks for. */
export type ApproverAction =
  | { action: 'list' }
  | { action: 'show'; id: string }
  | { action: 'approve' | 'refuse'; id: string; digest: string; reason: string }
  | { action: 'acknowledge'; id: string; shown: number; reason: string };

/** Reads the body of a signed request to `reveal-url`. Throws `InvalidRequest`. */
export function parseRevealAction(body: unknown): RevealAction {
  const asked = actionOf(body, ['reveal', 'request', 'withdraw', 'list'], 'reveal');
  if (asked === 'withdraw') return { ...parse(itemRequest, body), action: asked };
  if (asked === 'list') return { ...parse(plainRequest, body), action: asked };
  if (asked === 'request') {
    const { tokens, ...rest } = parse(tokensRequest, body);
    return { ...rest, tokens: [...new Set(tokens)], action: asked };
  }
  const { tokens, approval = null, ...rest } = parse(revealRequest, body);
  if (approval === null && tokens.length > maxPerRequest) {
    throw new InvalidRequest(
      'tokens',
      `must be 1 to ${maxPerRequest} tokens, or up to ${maxPerApproval} with an approval`,
    );
  }
  return { ...rest, tokens: [...new Set(tokens)], approval, action: asked };
}

/** Reads the body of a signed request to `approve`. Throws `InvalidRequest`. */
export function parseApproverAction(body: unknown): ApproverAction {
  const asked = actionOf(body, ['list', 'show', 'approve', 'refuse', 'acknowledge']);
  if (asked === 'list') return { ...parse(plainRequest, body), action: asked };
  if (asked === 'show') return { ...parse(itemRequest, body), action: asked };
  if (asked === 'acknowledge') return { ...parse(acknowledgement, body), action: asked };
  return { ...parse(decisionRequest, body), action: asked };
}

function actionOf<Action extends string>(
  body: unknown,
  actions: readonly Action[],
  usual?: Action,
): Action {
  const given: unknown =
    typeof body === 'object' && body !== null ? Reflect.get(body, 'action') : '';
  const found = actions.find((one) => one === (given ?? usual));
  if (found !== undefined) return found;
  if (given === '') throw new InvalidRequest('request', 'must be a JSON object');
  throw new InvalidRequest('action', `must be one of ${actions.join(', ')}`);
}
