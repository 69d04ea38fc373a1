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

/** The value itself and the encodings in which it would still be easily read. */
export function spellings(value: string): string[] {
  const bytes = Buffer.from(value, 'utf8');
  return [value, bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, '').slice(0, -1)];
}
