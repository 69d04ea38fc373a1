import { localAws } from '../../scripts/local/settings.ts';
import type { OwnStack } from './own-stack.ts';
import { type AwsKey, postSigned } from './signed-request.ts';

/** People with an access key each and one of the stack's managed policies. */
export interface Caller {
  arn: string;
  /** Asks the signed URL of `reveal-url`. */
  askUrl(request: unknown): Promise<{ status: number; body: unknown }>;
  /** Invokes a function directly. */
  invoke(functionName: string, request: unknown): Promise<{ status: number; body: unknown }>;
}

/** Makes an IAM user and attaches the policy that this output of the stack names. */
export async function createCaller(
  stack: OwnStack,
  name: string,
  policyOutput: string,
): Promise<Caller> {
  const { stdout } = await stack.sls('info', '--verbose');
  const policy = found(stdout, new RegExp(`${policyOutput}: (\\S+)`));
  const urlId = found(stdout, /https:\/\/(\w+)\.lambda-url/);
  const iam = (parameters: Record<string, string>) =>
    send(localAws.credentials, 'iam', stack.endpoint, new URLSearchParams(parameters).toString());

  const user = await iam({ Action: 'CreateUser', UserName: name });
  await iam({ Action: 'AttachUserPolicy', UserName: name, PolicyArn: policy });
  const key = await iam({ Action: 'CreateAccessKey', UserName: name });
  const credentials = {
    accessKeyId: found(key, /<AccessKeyId>(.+?)</),
    secretAccessKey: found(key, /<SecretAccessKey>(.+?)</),
  };
  const ask = async (path: string, request: unknown) => {
    const url = new URL(path, stack.endpoint);
    const body = JSON.stringify(request);
    const answer = await postSigned(credentials, 'lambda', url, body, 'application/json');
    return { status: answer.status, body: JSON.parse(answer.text) as unknown };
  };
  return {
    arn: found(user, /<Arn>(.+?)</),
    askUrl: (request) => ask(`/_aws/lambda-url/${urlId}/`, request),
    invoke: (functionName, request) =>
      ask(`/2015-03-31/functions/pii-vault-local-${functionName}/invocations`, request),
  };
}

async function send(key: AwsKey, service: string, endpoint: URL, body: string): Promise<string> {
  const form = 'application/x-www-form-urlencoded';
  const { status, text } = await postSigned(key, service, new URL('/', endpoint), body, form);
  if (status !== 200) throw new Error(text);
  return text;
}

function found(text: string, pattern: RegExp): string {
  const match = pattern.exec(text)?.[1];
  if (match === undefined) throw new Error(`nothing like ${pattern} in ${text}`);
  return match;
}
