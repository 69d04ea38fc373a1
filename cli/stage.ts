import { existsSync } from 'node:fs';

import { type AwsConfig, readOutputs, requestTimeouts } from './aws.ts';
import { type LocalFiles, localVariable, readLocalFiles } from './local-stage.ts';
import { UserError } from './user-error.ts';

/** A deployed stage, as the commands reach it. */
export interface Stage {
  name: string;
  aws: AwsConfig;
  /** What `npm start` wrote; null for every stage but local. */
  local: LocalFiles | null;
  /** An output of the stage's CloudFormation stack. Throws `UserError`. */
  output: (name: string) => Promise<string>;
  /** The same, or null where the stack has none. Throws `UserError` where its outputs cannot be read. */
  findOutput: (name: string) => Promise<string | null>;
  /** The stage's two queues. Throws `UserError`. */
  queues: () => Promise<{ login: string; deadLetter: string }>;
}

/** The service's name, as in serverless.yml. */
export const service = 'pii-vault';

/**
 * Finds the stage: `local` by what `npm start` wrote, any other by the outputs of its stack, with
 * the caller's own AWS credentials. Throws `UserError`.
 */
export async function findStage(name: string): Promise<Stage> {
  if (!/^[a-zA-Z][a-zA-Z0-9-]{0,63}$/.test(name))
    throw new UserError('--stage is not a stage name');
  const local = name === 'local' ? await readLocalFiles() : null;
  const aws = { requestHandler: requestTimeouts, ...(local && localAws(local)) };
  let outputs: Promise<Map<string, string>> | undefined;

  const findOutput = async (key: string): Promise<string | null> => {
    outputs ??= readOutputs(`${service}-${name}`, aws, noStackHint(name));
    return (await outputs).get(key) || null;
  };
  const output = async (key: string): Promise<string> => {
    const value = await findOutput(key);
    if (value !== null) return value;
    throw new UserError(
      `The stack ${service}-${name} has no output ${key}: deploy this release to it first.`,
    );
  };
  const queue = (variable: string, key: string) =>
    local === null ? output(key) : localVariable(local, variable);
  return {
    name,
    aws,
    local,
    output,
    findOutput,
    queues: async () => ({
      login: await queue('LOGIN_QUEUE_URL', 'LoginQueueUrl'),
      deadLetter: await queue('DEAD_LETTER_QUEUE_URL', 'DeadLetterQueueUrl'),
    }),
  };
}

/** What explains most often that a stack is not found; local has no such doubts. */
function noStackHint(name: string): string {
  if (name === 'local') return '';
  const endpoint = process.env['AWS_ENDPOINT_URL'];
  const stages = new URL('../stages/', import.meta.url);
  const isUnknown =
    existsSync(new URL('default.yml', stages)) && !existsSync(new URL(`${name}.yml`, stages));
  return (
    (endpoint ? `AWS_ENDPOINT_URL is set: ${endpoint} was asked, and not AWS. ` : '') +
    (isUnknown ? `There is no stages/${name}.yml. ` : '')
  );
}

function localAws({ env }: LocalFiles): AwsConfig {
  const endpoint = env['AWS_ENDPOINT_URL'];
  return {
    // nobody's own AWS account is asked on behalf of the local stage
    endpoint: endpoint || 'http://127.0.0.1:9',
    region: env['AWS_REGION'] ?? 'us-east-1',
    credentials: {
      accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? 'test',
      secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? 'test',
    },
  };
}
