// a function that hangs or is frozen must not keep its locks
const idle = { idle_in_transaction_session_timeout: '15s' };
const request = { settings: { ...idle, statement_timeout: '6s' }, connectionShare: 0.1 };

/**
 * The roles that functions and people log in as, with their settings and their share of
 * `max_connections`. `db/bootstrap.sql` creates them. Each `migrate` creates those that are missing and
 * resets their settings, because every role can change its own.
 */
export const workingRoles = [
  {
    name: 'vault_ingest',
    settings: { ...idle, statement_timeout: '12s' },
    connectionShare: 0.3,
  },
  { name: 'vault_reveal', ...request },
  { name: 'vault_reveal_url', ...request },
  { name: 'vault_break_glass', ...request, connectionShare: 0.03 },
  { name: 'vault_approve', ...request, connectionShare: 0.03 },
  { name: 'vault_tokenize', ...request },
  { name: 'vault_erase', ...request },
  { name: 'vault_maintain', settings: idle, connectionShare: 0.03 },
  { name: 'vault_analyst', settings: idle, connectionShare: 0.1 },
  { name: 'vault_auditor', settings: idle, connectionShare: 0.05 },
] as const;

export type WorkingRole = (typeof workingRoles)[number]['name'];

/** The role of `pii-vault rotate`, which exists only while the stage's parameter `rotation` is on. */
export const rotationRole = {
  name: 'vault_rotate',
  settings: idle,
  connectionShare: 0.03,
} as const;

/** A role with its settings and its share of `max_connections`. */
export type RoleProfile = (typeof workingRoles)[number] | typeof rotationRole;

/** The owner of all objects, which `migrate` logs in as. */
export const owner = 'vault_migrator';

export type Role = typeof owner | RoleProfile['name'];

/** Every role that always exists, the owner first. */
export const roles: readonly Role[] = [owner, ...workingRoles.map(({ name }) => name)];
