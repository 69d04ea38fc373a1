import { type HttpAnswer, signedPost } from '../../client/signed-post.ts';
import { createVaultClient, type VaultClient } from '../../client/vault-client.ts';
import { localAws } from '../../scripts/local/settings.ts';
import { found, iam } from './aws-api.ts';
import type { OwnStack } from './own-stack.ts';

/** A person with an access key and one of the stack's managed policies. */
export interface Caller {
  arn: string;
  /** Calls the signed URLs. */
  vault: VaultClient;
  /** Invokes a function directly, with any event. */
  invoke(functionName: string, event: unknown): Promise<HttpAnswer>;
}

/** Makes an IAM user and attaches the policy that this output of the stack names. */
export async function createCaller(
  stack: OwnStack,
  name: string,
  policyOutput: string,
): Promise<Caller> {
  const outputs = await stack.outputs();
  const output = (key: string) => outputs.get(key) ?? '';
  const ask = (parameters: Record<string, string>) => iam(stack.endpoint, parameters);

  const user = await ask({ Action: 'CreateUser', UserName: name });
  await ask({ Action: 'AttachUserPolicy', UserName: name, PolicyArn: output(policyOutput) });
  const key = await ask({ Action: 'CreateAccessKey', UserName: name });
  const credentials = {
    accessKeyId: found(key, /<AccessKeyId>(.+?)</),
    secretAccessKey: found(key, /<SecretAccessKey>(.+?)</),
  };
  return {
    arn: found(user, /<Arn>(.+?)</),
    vault: createVaultClient({
      urls: {
        reveal: output('RevealUrl'),
        tokenize: output('TokenizeUrl'),
        erase: output('EraseUrl'),
      },
      endpoint: stack.endpoint.origin,
      credentials,
    }),
    invoke: (functionName, event) =>
      signedPost(
        new URL(
          `/2015-03-31/functions/pii-vault-local-${functionName}/invocations`,
          stack.endpoint,
        ),
        JSON.stringify(event),
        { service: 'lambda', region: localAws.region, credentials },
      ),
  };
}
