import { join, relative } from 'node:path';

import type { Credentials } from '../../client/signed-post.ts';
import { createVaultClient, type VaultClient } from '../../client/vault-client.ts';
import { curlFile, type Person } from './identities.ts';
import type { LocalUrls } from './running-vault.ts';
import type { Settings } from './settings.ts';
import { stackOutputs } from './stack-outputs.ts';

/** A client of the local stage's URLs, for whoever has these credentials. */
export async function localClient(
  settings: Settings,
  credentials: Credentials,
): Promise<VaultClient> {
  const outputs = await stackOutputs(settings);
  return createVaultClient({
    urls: {
      reveal: outputs.get('RevealUrl') ?? '',
      tokenize: outputs.get('TokenizeUrl') ?? '',
      erase: outputs.get('EraseUrl') ?? '',
    },
    endpoint: settings.endpoint.origin,
    credentials,
  });
}

/** The signed URLs by their names in `.local/env`, in the form that curl calls on this machine. */
export async function localUrls(settings: Settings): Promise<LocalUrls> {
  const outputs = await stackOutputs(settings);
  const url = (output: string) => {
    const [id] = new URL(outputs.get(output) ?? '').hostname.split('.');
    return `${settings.endpoint.origin}/_aws/lambda-url/${id}/`;
  };
  return {
    REVEAL_URL: url('RevealUrl'),
    TOKENIZE_URL: url('TokenizeUrl'),
    ERASE_URL: url('EraseUrl'),
    ...(outputs.has('ApproveUrl') && {
      APPROVE_URL: url('ApproveUrl'),
      BREAK_GLASS_URL: url('BreakGlassUrl'),
    }),
  };
}

/** How a person sends a signed request without this repository; the request is standard input. */
export function curlCommand({ directory }: Settings, url: string, person: Person): string {
  return `curl -K ${relative(process.cwd(), join(directory, curlFile(person)))} ${url} -d @-`;
}
