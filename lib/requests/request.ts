import * as z from 'zod/mini';

import { InvalidRequest } from '../errors.ts';
import { canonical, type PiiKind, piiKinds } from '../pii-fields.ts';
import { characterCount, isStorableText, unseenClass } from '../text.ts';
import { kindOfToken } from '../crypto/token.ts';

/** The most tokens or values one request may name. */
export const maxPerRequest = 100;

/** The most tokens that a reveal with an approval may name. */
export const maxPerApproval = 10_000;

// real words need joiners and variation selectors
const unseen = new RegExp(`(?![\\u200C\\u200D\\p{Variation_Selector}])${unseenClass}`, 'u');
const letterOrDigit = /[\p{L}\p{N}]/gu;

const line = (minLength: number, maxLength: number, minLetters: number) =>
  z
    .string()
    .check(
      z.refine(
        (value) =>
          characterCount(value) <= maxLength &&
          value.trim().length >= minLength &&
          isStorableText(value) &&
          !unseen.test(value) &&
          (value.match(letterOrDigit)?.length ?? 0) >= minLetters,
      ),
    );

/** A list of so many tokens. */
export const tokensUpTo = (most: number) =>
  z
    .array(z.string().check(z.refine((token) => kindOfToken(token) !== null)))
    .check(z.minLength(1), z.maxLength(most));
const tokens = tokensUpTo(maxPerRequest);

export const reason = line(10, 500, 5);
const requestedBy = line(1, 256, 1);

const values = z.array(z.string()).check(z.minLength(1), z.maxLength(maxPerRequest));

const valuesRequest = z.strictObject({ kind: z.enum(piiKinds), values, reason });
const tokensRequest = z.strictObject({ tokens, reason });
const eraseRequest = z.strictObject({
  tokens,
  reason,
  suppress: z.optional(z.boolean()),
  lift: z.optional(z.boolean()),
});
const claimedTokensRequest = z.strictObject({ tokens, reason, requestedBy });

/** The rule of each field, as an error states it. */
const expected: Readonly<Record<string, string>> = {
  tokens: `must be 1 to ${maxPerRequest} tokens as user_logins holds them`,
  values: `must be 1 to ${maxPerRequest} valid values of that kind`,
  kind: `must be one of ${piiKinds.join(', ')}`,
  reason: 'must be 10 to 500 characters on one line, with at least 5 letters or digits',
  id: 'must be the id of a request or item',
  approval: 'must be the id of an approved request',
  digest: 'must be the 64 hexadecimal digits that were shown',
  shown: 'must be the number of tokens that was shown',
  requestedBy: 'must be 1 to 256 characters on one line, with at least one letter or digit',
  suppress: 'must be true or false',
  lift: 'must be true or false',
};

/** What is wrong with one element of a list. */
const expectedElement: Readonly<Record<string, string>> = {
  tokens: 'is not a token',
  values: 'is not text',
};

/** A request that names tokens, each once, and a reason. */
export interface TokensRequest {
  tokens: string[];
  reason: string;
}

/** What is to be done with the values of tokens: erase them, erase them for good, or allow them again. */
export interface EraseRequest extends TokensRequest {
  action: 'erase' | 'suppress' | 'lift';
}

/** A request that names values of one kind, in canonical form, and a reason. */
export interface ValuesRequest {
  kind: PiiKind;
  values: string[];
  reason: string;
}

/** A request in which the caller names itself. */
export interface Claimed {
  requestedBy: string;
}

/** Reads the event of a direct invocation. Throws `InvalidRequest`. */
export function parseClaimedTokensRequest(event: unknown): TokensRequest & Claimed {
  const request = parse(claimedTokensRequest, event);
  return { ...request, tokens: [...new Set(request.tokens)] };
}

/** Reads the body of a signed request that names tokens. Throws `InvalidRequest`. */
export function parseTokensRequest(body: unknown): TokensRequest {
  const request = parse(tokensRequest, body);
  return { ...request, tokens: [...new Set(request.tokens)] };
}

/** Reads the body of a signed request to erase values, or to lift their suppression. Throws `InvalidRequest`. */
export function parseEraseRequest(body: unknown): EraseRequest {
  const { suppress, lift, ...request } = parse(eraseRequest, body);
  if (suppress === true && lift === true) {
    throw new InvalidRequest('lift', 'must not be true together with suppress');
  }
  return {
    ...request,
    tokens: [...new Set(request.tokens)],
    action: lift === true ? 'lift' : suppress === true ? 'suppress' : 'erase',
  };
}

/** Reads the body of a signed request that names values. Throws `InvalidRequest`. */
export function parseValuesRequest(body: unknown): ValuesRequest {
  const { kind, values: given, reason: why } = parse(valuesRequest, body);
  const canonicalValues = given.map((value, index) => {
    const form = canonical[kind](value);
    if (form === null) throw new InvalidRequest(`values[${index}]`, `is not a valid ${kind}`);
    return form;
  });
  return { kind, values: canonicalValues, reason: why };
}

/** Reads `input`. Throws `InvalidRequest`, which names the field and shows no value. */
export function parse<Schema extends z.ZodMiniType>(
  schema: Schema,
  input: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  // the name of the field is not shown: it could be a value
  if (issue?.code === 'unrecognized_keys') {
    throw new InvalidRequest('request', 'has an unknown field');
  }
  const [field, index] = issue?.path ?? [];
  if (typeof field !== 'string') throw new InvalidRequest('request', 'must be a JSON object');
  if (typeof index === 'number') {
    throw new InvalidRequest(`${field}[${index}]`, expectedElement[field] ?? 'is not valid');
  }
  throw new InvalidRequest(field, expected[field] ?? 'is not valid');
}
