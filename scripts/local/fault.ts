/** Something that a person can mend: shown as its message alone. */
export class Fault extends Error {
  override readonly name = 'Fault';
}

/** A person interrupted what was under way: nobody may take it for a fault of something else. */
export class BrokenOff extends Error {
  override readonly name = 'BrokenOff';

  constructor() {
    super('Broken off.');
  }
}

/** What an unknown error says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
