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

const plainWords: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'access is denied',
  EPERM: 'access is denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
};

/** Why a file cannot be read or written, in plain words where there are some. */
export function fileProblem(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return plainWords[String(code)] ?? messageOf(error).split(',')[0] ?? '';
}

/** The message of an error of any type. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
