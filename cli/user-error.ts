/** Something that the person at the keyboard can fix: shown as its message only, without a stack. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
}

/** A person interrupted the work: nothing may report this as a failure of something else. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';

  constructor() {
    super('Cancelled.');
  }
}

/** The message of an error of any type. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
