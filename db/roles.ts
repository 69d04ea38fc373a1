/** The settings that a role logs in with, and how much of `max_connections` its sessions may take. */
interface RoleProfile {
  settings: Readonly<Record<string, string>>;
  connectionShare: number;
}

// a function that hangs or freezes must not hold its locks for ever
const idle = { idle_in_transaction_session_timeout: '15s' };
const request = { settings: { ...idle, statement_timeout: '6s' }, connectionShare: 0.1 };

/**
 * The roles that functions and people log in as. `db/bootstrap.sql` makes them, and each `migrate` those that
 * are missing; it also resets what is set otherwise, since every role can change its own settings.
 */
export const roleProfiles = {
  vault_ingest: { settings: { ...idle, statement_timeout: '12s' }, connectionShare: 0.3 },
  vault_reveal: request,
  vault_reveal_url: request,
  vault_tokenize: request,
  vault_erase: request,
  vault_maintain: { settings: idle, connectionShare: 0.03 },
  vault_analyst: { settings: idle, connectionShare: 0.12 },
  vault_auditor: { settings: idle, connectionShare: 0.05 },
} as const satisfies Record<string, RoleProfile>;

export type WorkingRole = keyof typeof roleProfiles;

/** Every role, that of the owner first. */
export const roles = [
  'vault_migrator',
  ...(Object.keys(roleProfiles) as WorkingRole[]),
] as readonly Role[];

export type Role = 'vault_migrator' | WorkingRole;
