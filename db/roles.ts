/** The roles that functions and people log in as. The migration makes those that do not exist. */
export const roles = [
  'vault_migrator',
  'vault_ingest',
  'vault_reveal',
  'vault_tokenize',
  'vault_erase',
  'vault_maintain',
  'vault_analyst',
  'vault_auditor',
] as const;

export type Role = (typeof roles)[number];
