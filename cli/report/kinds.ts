import { perKind, type PiiKind } from '../../lib/pii-fields.ts';

const names: Partial<Record<string, readonly [string, string]>> = {
  ip: ['IP address', 'IP addresses'],
  device_id: ['device', 'devices'],
};

/** What people call one value of each kind, and many. */
export const kindNames: Record<PiiKind, { one: string; many: string }> = perKind(({ kind }) => {
  const words = kind.replaceAll('_', ' ');
  const [one, many] = names[kind] ?? [words, `${words} values`];
  return { one, many };
});
