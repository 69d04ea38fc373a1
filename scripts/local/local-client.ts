import { createVaultClient, type VaultClient } from '../../client/vault-client.ts';
import { localAws, type Settings } from './settings.ts';
import { stackOutputs } from './stack-outputs.ts';

/** A client of the local stage's URLs, as the account's root; they are read at the first call. */
export function localClient(settings: Settings): VaultClient {
  let client: Promise<VaultClient> | null = null;
  const ready = () => (client ??= connect(settings));
  return {
    reveal: async (...request) => (await ready()).reveal(...request),
    tokenize: async (...request) => (await ready()).tokenize(...request),
    erase: async (...request) => (await ready()).erase(...request),
  };
}

async function connect(settings: Settings): Promise<VaultClient> {
  const outputs = await stackOutputs(settings);
  return createVaultClient({
    urls: {
      reveal: outputs.get('RevealUrl') ?? '',
      tokenize: outputs.get('TokenizeUrl') ?? '',
      erase: outputs.get('EraseUrl') ?? '',
    },
    endpoint: settings.endpoint.origin,
    credentials: localAws.credentials,
  });
}

/** How a person sends a signed request without this repository; the request is standard input. */
export async function curlCommand(settings: Settings, urlOutput: string): Promise<string> {
  const { accessKeyId, secretAccessKey } = localAws.credentials;
  const id = new URL((await stackOutputs(settings)).get(urlOutput) ?? '').hostname.split('.')[0];
  return (
    `curl --aws-sigv4 aws:amz:${localAws.region}:lambda --user ${accessKeyId}:${secretAccessKey} ` +
    `${settings.endpoint.origin}/_aws/lambda-url/${id}/ -d @-`
  );
}
