import { canonicalDeviceId, canonicalIp } from './crypto/canonical.ts';

interface PiiField {
  /** Names the field in tokens (`<kind>_v1_…`), in requests, and in the enum `vault.pii_kind`. */
  kind: string;
  /** The field of a message that holds the value. */
  messageField: string;
  /** Whether a message may leave the field out, which is then the same as null. */
  isOptional: boolean;
  /** The one spelling under which equal values are equal; null when the text is not a valid value. */
  canonical: (value: string) => string | null;
  /** The column of `user_logins` that holds the token: `masked_` and the kind (`vault.check_token_columns`). */
  column: `masked_${string}`;
  /** The nth of many canonical values that are nobody's, for the sample, the benchmark and tests. */
  example: (n: number) => string;
}

/**
 * The personal fields of a login, which the vault replaces by tokens. Everything that depends on
 * them is derived from this list. How to add a field: CONTRIBUTING.md, "Adding a personal field".
 */
export const piiFields = [
  {
    kind: 'ip',
    messageField: 'ip',
    isOptional: false,
    canonical: canonicalIp,
    column: 'masked_ip',
    example: (n) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`,
  },
  {
    kind: 'device_id',
    messageField: 'device_id',
    isOptional: false,
    canonical: canonicalDeviceId,
    column: 'masked_device_id',
    example: (n) => `593-47-${n}`,
  },
] as const satisfies readonly PiiField[];

type KnownField = (typeof piiFields)[number];

export type PiiKind = KnownField['kind'];

/** A field of a message that holds a personal value. */
export type PiiMessageField = KnownField['messageField'];

/** A column of `user_logins` that holds tokens. */
export type PiiColumn = KnownField['column'];

export const piiKinds = piiFields.map(({ kind }) => kind);

/** A record with an entry for each field, made from it, under the name by which `name` calls it. */
export function perField<Name extends string, T>(
  name: (field: KnownField) => Name,
  make: (field: KnownField) => T,
): Record<Name, T> {
  const record: Partial<Record<Name, T>> = {};
  for (const field of piiFields) record[name(field)] = make(field);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every field has its entry
  return record as Record<Name, T>;
}

/** A record with an entry for each kind, made from its field. */
export function perKind<T>(make: (field: KnownField) => T): Record<PiiKind, T> {
  return perField(({ kind }) => kind, make);
}

/** The canonical form of a value of each kind; null when the text is not a valid value. */
export const canonical = perKind((field) => field.canonical);
