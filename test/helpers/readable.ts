import { inspect } from 'node:util';

/** All that a caller, a log or a debugger can read of a thrown value or of an object. */
export function readable(value: unknown): string {
  const parts = [
    inspect(value, { showHidden: true, depth: null, getters: true, maxStringLength: null }),
    JSON.stringify(value) ?? '',
    String(value),
  ];
  for (let error = value; error instanceof Error; error = error.cause) {
    parts.push(error.name, error.message, error.stack ?? '', JSON.stringify(error));
  }
  return parts.join('\n');
}

/**
 * The value and the encodings in which it would still be easily read: hexadecimal, and base64
 * wherever in the encoded bytes it begins.
 */
export function spellings(value: string): string[] {
  const bytes = Buffer.from(value, 'utf8');
  const base64 = [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(before === 0 ? 0 : before + 1, -4),
  );
  return [value, bytes.toString('hex'), ...base64];
}
