/** The roles that functions and people log in as. `db/bootstrap.sql` makes them, and each `migrate` those that are missing. */
export const roles = [
  'vault_migrator',
  'vault_ingest',
  'vault_reveal',
  'vault_reveal_url',
  'vault_tokenize',
  'vault_erase',
  'vault_maintain',
  'vault_analyst',
  'vault_auditor',
] as const;

export type Role = (typeof roles)[number];
