import { join, relative } from 'node:path';

import type { Credentials } from '../../client/signed-post.ts';
import { createVaultClient, type VaultClient } from '../../client/vault-client.ts';
import { curlFile, type Person } from './identities.ts';
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

/** How a person sends a signed request without this repository; the request is standard input. */
export async function curlCommand(
  settings: Settings,
  urlOutput: string,
  person: Person,
): Promise<string> {
  const id = new URL((await stackOutputs(settings)).get(urlOutput) ?? '').hostname.split('.')[0];
  const config = relative(process.cwd(), join(settings.directory, curlFile(person)));
  return `curl -K ${config} ${settings.endpoint.origin}/_aws/lambda-url/${id}/ -d @-`;
}
