import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';

import { type DatabaseConfig, signingConfig } from '../lib/config.ts';

const validSeconds = 900;

/**
 * A password for one connection: a signed request to connect as this user, which RDS accepts for 15 minutes
 * (Amazon RDS User Guide, "Connecting using IAM authentication"). Signed with the credentials that Lambda gives
 * the function: AWS's signer for RDS would load ways to find others.
 */
export async function iamToken({
  host,
  port,
  user,
}: Pick<DatabaseConfig, 'host' | 'port' | 'user'>): Promise<string> {
  const { region, credentials } = signingConfig();
  const signer = new SignatureV4({
    service: 'rds-db',
    region,
    credentials,
    sha256: Hash.bind(null, 'sha256'),
  });
  const { query } = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname: host,
      port,
      path: '/',
      query: { Action: 'connect', DBUser: user },
      headers: { host: `${host}:${port}` },
    },
    { expiresIn: validSeconds },
  );
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) parameters.set(name, String(value));
  return `${host}:${port}/?${parameters.toString()}`;
}
