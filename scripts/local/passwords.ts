import { randomBytes } from 'node:crypto';

import { type Role, roles, rotationRole } from '../../db/roles.ts';
import type { Settings } from './settings.ts';
import { addState, readState } from './state.ts';

/** The passwords of the superuser and of each of the vault's roles. */
export type Passwords = Readonly<Record<'postgres' | Role, string>>;

/** A random password of 96 bits, without a character that a URL or a shell would change. */
export function newPassword(): string {
  return randomBytes(12).toString('hex');
}

/** The passwords of the vault's roles: those of an earlier start, and new ones for other roles. */
export async function rolePasswords(settings: Settings): Promise<Record<Role, string>> {
  const { databasePasswords = {} } = await readState(settings);
  const passwords = Object.fromEntries(
    [...roles, rotationRole.name].map((role) => [role, databasePasswords[role] ?? newPassword()]),
  ) as Record<Role, string>;
  await addState(settings, { databasePasswords: passwords });
  return passwords;
}
