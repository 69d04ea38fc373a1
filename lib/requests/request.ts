import * as z from 'zod/mini';

import { InvalidRequest } from '../errors.ts';
import { canonical, type PiiKind, piiKinds } from '../pii-fields.ts';
import { characterCount, isStorableText } from '../text.ts';
import { kindOfToken } from '../crypto/token.ts';

/** The most tokens or values one request may name. */
export const mostPerRequest = 100;

// control characters, line separators, and what is not seen or turns the text around it; but for
// the joiners, which some scripts are written with
const manyLines = /[\p{Cc}\p{Zl}\p{Zp}]|(?![\u200C\u200D])\p{Cf}/u;
const visible = /[\p{L}\p{N}\p{P}\p{S}]/u;

const line = (shortest: number, longest: number) =>
  z
    .string()
    .check(
      z.refine(
        (value) =>
          characterCount(value) <= longest &&
          value.trim().length >= shortest &&
          isStorableText(value) &&
          visible.test(value) &&
          !manyLines.test(value),
      ),
    );

const tokens = z
  .array(z.string().check(z.refine((token) => kindOfToken(token) !== null)))
  .check(z.minLength(1), z.maxLength(mostPerRequest));

const reason = line(10, 500);
const requestedBy = line(1, 256);

const values = z.array(z.string()).check(z.minLength(1), z.maxLength(mostPerRequest));

const claimedValuesRequest = z.strictObject({
  kind: z.enum(piiKinds),
  values,
  reason,
  requestedBy,
});
const tokensRequest = z.strictObject({ tokens, reason });
const claimedTokensRequest = z.strictObject({ tokens, reason, requestedBy });

/** What each field has to be, told to whoever sent something else. */
const expected: Readonly<Record<string, string>> = {
  tokens: `must be 1 to ${mostPerRequest} tokens as user_logins holds them`,
  values: `must be 1 to ${mostPerRequest} valid values of that kind`,
  kind: `must be one of ${piiKinds.join(', ')}`,
  reason: 'must be 10 to 500 characters on one line',
  requestedBy: 'must be 1 to 256 characters on one line',
};

/** A request that names tokens, each once, and why. */
export interface TokensRequest {
  tokens: string[];
  reason: string;
}

/** A request that names values of one kind, in canonical form, and why. */
export interface ValuesRequest {
  kind: PiiKind;
  values: string[];
  reason: string;
}

/** A request whose caller says who it is. */
export interface Claimed {
  requestedBy: string;
}

/** Reads what a direct invocation asks for. Throws `InvalidRequest`. */
export function parseClaimedTokensRequest(event: unknown): TokensRequest & Claimed {
  const request = parse(claimedTokensRequest, event);
  return { ...request, tokens: [...new Set(request.tokens)] };
}

/** Reads what the body of a signed request asks for. Throws `InvalidRequest`. */
export function parseTokensRequest(body: unknown): TokensRequest {
  const request = parse(tokensRequest, body);
  return { ...request, tokens: [...new Set(request.tokens)] };
}

/** Reads which values a direct invocation looks up. Throws `InvalidRequest`. */
export function parseClaimedValuesRequest(event: unknown): ValuesRequest & Claimed {
  const { kind, values: given, ...rest } = parse(claimedValuesRequest, event);
  const canonicalValues = given.map((value, index) => {
    const form = canonical[kind](value);
    if (form === null) throw new InvalidRequest(`values[${index}]`, `is not a valid ${kind}`);
    return form;
  });
  return { ...rest, kind, values: canonicalValues };
}

function parse<Schema extends z.ZodMiniType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') throw unknownField(issue.keys[0]);
  const field = issue?.path[0];
  if (typeof field !== 'string') throw new InvalidRequest('request', 'must be a JSON object');
  throw new InvalidRequest(field, expected[field] ?? 'is not valid');
}

// a mistyped name helps its author; anything that is no plain word might be a misplaced value
function unknownField(name: string | undefined): InvalidRequest {
  return name !== undefined && /^[A-Za-z_]{1,32}$/.test(name)
    ? new InvalidRequest(name, 'is not a known field')
    : new InvalidRequest('request', 'has a field that is not known');
}
