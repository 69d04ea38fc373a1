import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { UserError } from './user-error.ts';
import { localAws, readSettings, type Settings } from '../scripts/local/settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a command works on: the variables it asked for, and how the SDK's clients get there. */
export interface Whereabouts<Name extends string> {
  variables: Readonly<Record<Name, string>>;
  /** Empty where the SDK finds region and credentials itself. */
  aws: Partial<typeof localAws> & { endpoint?: string };
}

/**
 * The variables of this shell or else, when it sets none of them, those of the local stack: never
 * some of one and some of the other. Throws `UserError` naming what is missing.
 */
export async function whereabouts<Name extends string>(
  names: readonly Name[],
  environment: Environment = process.env,
  settings: Settings = readSettings(environment),
): Promise<Whereabouts<Name>> {
  if (names.some((name) => environment[name])) {
    return { variables: pick(names, environment, 'is not set'), aws: {} };
  }
  const local = await readEnvFile(settings);
  if (local === null)
    throw new UserError(`Set ${names.join(' and ')}, or bring the stack up: npm start`);
  const endpoint = local['AWS_ENDPOINT_URL'];
  return {
    variables: pick(names, local, 'is not known: the local stack has no emulator'),
    aws: { ...localAws, ...(endpoint === undefined ? {} : { endpoint }) },
  };
}

function pick<Name extends string>(
  names: readonly Name[],
  from: Environment,
  problem: string,
): Record<Name, string> {
  const found = names.map((name): [Name, string] => {
    const value = from[name];
    if (!value) throw new UserError(`${name} ${problem}`);
    return [name, value];
  });
  return Object.fromEntries(found) as Record<Name, string>;
}

async function readEnvFile({ directory }: Settings): Promise<Environment | null> {
  let text;
  try {
    text = await readFile(join(directory, 'env'), 'utf8');
  } catch {
    return null;
  }
  const lines = text.split('\n').filter((line) => line.includes('='));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
