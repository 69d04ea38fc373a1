/** Something that a person can mend: shown as its message alone. */
export class Fault extends Error {
  override readonly name = 'Fault';
}

/** What an unknown error says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
