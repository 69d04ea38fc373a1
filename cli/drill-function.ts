import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  InvokeCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda';

import { type AwsConfig, fromAws } from './aws.ts';
import { UserError } from './user-error.ts';

/** A copy of a deployed function, under another name. */
export interface FunctionCopy {
  /** Creates it: the same code, role and limits, with these variables changed. Throws `UserError`. */
  create: (variables: Readonly<Record<string, string>>) => Promise<void>;
  /** What the function returns. Throws `UserError` when it fails. */
  invoke: (payload: unknown) => Promise<unknown>;
  /** Deletes it, where there is one; the function it was copied from stays as it is. */
  remove: () => Promise<void>;
}

const maxWaitSeconds = 60;

/** A copy named `name` of the function `original`. Nothing is created yet. */
export function functionCopy(aws: AwsConfig, original: string, name: string): FunctionCopy {
  const client = new LambdaClient(aws);
  const create = async (variables: Readonly<Record<string, string>>): Promise<void> => {
    const found = await client.send(new GetFunctionCommand({ FunctionName: original }));
    const { Configuration = {}, Code } = found;
    const { Role, Runtime, Handler, Timeout, MemorySize, Architectures, Environment } =
      Configuration;
    const code = await fetch(Code?.Location ?? '');
    await client.send(
      new CreateFunctionCommand({
        FunctionName: name,
        Role,
        Runtime,
        Handler,
        Timeout,
        MemorySize,
        Architectures,
        Code: { ZipFile: new Uint8Array(await code.arrayBuffer()) },
        Environment: { Variables: { ...Environment?.Variables, ...variables } },
      }),
    );
    await waitUntilFunctionActiveV2(
      { client, maxWaitTime: maxWaitSeconds },
      { FunctionName: name },
    );
  };
  const remove = async (): Promise<void> => {
    await client.send(new DeleteFunctionCommand({ FunctionName: name })).catch((error: unknown) => {
      const isGone = error instanceof Error && error.name === 'ResourceNotFoundException';
      if (!isGone) throw error;
    });
  };
  return {
    create: (variables) => fromAws(`A copy of ${original}`, create(variables)),
    invoke: (payload) => invokeFunction(client, name, payload),
    remove: () => fromAws(name, remove()),
  };
}

async function invokeFunction(
  client: LambdaClient,
  name: string,
  payload: unknown,
): Promise<unknown> {
  const request = new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(payload) });
  const { FunctionError, Payload = new Uint8Array() } = await fromAws(name, client.send(request));
  const answer: unknown = JSON.parse(Buffer.from(Payload).toString('utf8'));
  if (FunctionError === undefined) return answer;
  const { errorType = 'an error' } = Object(answer) as { errorType?: string };
  throw new UserError(`${name} answered ${errorType}`);
}
