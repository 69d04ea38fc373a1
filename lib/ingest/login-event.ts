import * as z from 'zod/mini';

import { encodeAppVersion } from './app-version.ts';
import { perField, perKind, type PiiKind } from '../pii-fields.ts';
import type { RejectionReason } from './rejection-reason.ts';
import { characterCount, isStorableText } from '../text.ts';

/** A login as it is stored, except that its personal values are still plain, in canonical form. */
export interface LoginEvent {
  userId: string;
  deviceType: string;
  pii: Record<PiiKind, string | null>;
  locale: string | null;
  appVersion: number;
}

const text = (maxLength: number) =>
  z
    .string()
    .check(z.refine((value) => characterCount(value) <= maxLength && isStorableText(value)));

/** Runs `convert` after validation; what it cannot convert is an issue of that field. */
function converted<T>(convert: (value: string) => T | null) {
  return z.pipe(
    z.string(),
    z.transform((value, context) => {
      const result = convert(value);
      if (result === null) {
        context.issues.push({ code: 'custom', input: value });
        return z.NEVER;
      }
      return result;
    }),
  );
}

const personal = perField(
  ({ messageField }) => messageField,
  ({ isOptional, canonical }): z.ZodMiniType<string | null | undefined> => {
    const value = z.nullable(converted(canonical));
    return isOptional ? z.optional(value) : value;
  },
);

const loginMessage = z.object({
  user_id: text(128).check(z.minLength(1)),
  device_type: text(32),
  ...personal,
  locale: z.nullable(text(32)),
  app_version: converted(encodeAppVersion),
});

/**
 * Reads one message body (docs: README, "What a message looks like"); fields it does not know
 * are ignored. Returns the reason instead when the message can never be stored.
 */
export function parseLoginEvent(body: string): LoginEvent | { rejected: RejectionReason } {
  let message: unknown;
  try {
    message = JSON.parse(body);
  } catch {
    return { rejected: 'invalid_json' };
  }
  const parsed = loginMessage.safeParse(message);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path[0];
    return { rejected: field === undefined ? 'invalid_message' : `invalid_field:${String(field)}` };
  }
  const login = parsed.data;
  return {
    userId: login.user_id,
    deviceType: login.device_type,
    pii: perKind(({ messageField }) => login[messageField] ?? null),
    locale: login.locale,
    appVersion: login.app_version,
  };
}
