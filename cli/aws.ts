import type { Signing } from '../client/signed-post.ts';
import { messageOf, UserError } from './user-error.ts';

/** How the SDK's clients reach AWS; empty where they find region and credentials themselves. */
export interface AwsConfig {
  endpoint?: string;
  region?: string;
  credentials?: Signing['credentials'];
  requestHandler?: typeof requestTimeouts;
}

/** How long a command waits for AWS, in milliseconds: the SDK itself waits for as long as the socket does. */
export const requestTimeouts = {
  connectionTimeout: 5_000,
  // longer than a long poll of SQS
  requestTimeout: 25_000,
  throwOnRequestTimeout: true,
};

/** The answer of AWS to `work`. Throws `UserError` that names `what`, and never quotes a request. */
export async function fromAws<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${what}: ${awsProblem(error)}`);
  }
}

/** What went wrong, by the name that AWS gave it: its messages may quote the request. */
export function awsProblem(error: unknown): string {
  const name = error instanceof Error ? error.name : 'unknown error';
  if (/^AccessDenied|^Unauthorized|^NotAuthorized/.test(name)) {
    return `access denied (${name}): your AWS credentials do not allow it`;
  }
  if (name === 'CredentialsProviderError') return 'no AWS credentials were found';
  if (/^(ExpiredToken|InvalidClientTokenId|UnrecognizedClient|InvalidSignature)/.test(name)) {
    return `your AWS credentials are not valid, or no longer (${name})`;
  }
  if (messageOf(error) === 'Region is missing') return 'no AWS region is set: set AWS_REGION';
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return `no answer (${typeof code === 'string' ? code : name})`;
}

/** The outputs of the CloudFormation stack, by name. Throws `UserError`, with `hint` where there is no such stack. */
export async function readOutputs(
  stack: string,
  aws: AwsConfig,
  hint = '',
): Promise<Map<string, string>> {
  // most commands on the local stage do without, and begin sooner
  const { CloudFormationClient, DescribeStacksCommand } =
    await import('@aws-sdk/client-cloudformation');
  const client = new CloudFormationClient(aws);
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: stack }));
    const outputs = Stacks[0]?.Outputs ?? [];
    return new Map(outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]));
  } catch (error) {
    if (error instanceof Error && error.name === 'ValidationError') {
      throw new UserError(
        `There is no stack ${stack} in this account and region. ${hint}` +
          'Check --stage, AWS_REGION and whose credentials you use.',
      );
    }
    throw new UserError(`The outputs of the stack ${stack}: ${awsProblem(error)}`);
  } finally {
    client.destroy();
  }
}
