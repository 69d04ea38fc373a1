import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { run } from './command.ts';
import { UserError } from '../../cli/user-error.ts';
import { childEnvironment, type Settings } from './settings.ts';

/** A function's own error, as Lambda reports it. */
export class InvocationError extends UserError {
  /** The error's name, such as `InvalidRequest`. */
  readonly errorType: string;

  constructor(functionName: string, errorType: string, message: string) {
    super(`${functionName} answered ${errorType}: ${message}`);
    this.errorType = errorType;
  }
}

/** Runs `sls deploy --stage local`. Throws `UserError` with what it said. */
export async function deploy(settings: Settings): Promise<void> {
  const { code, stdout, stderr } = await sls(settings, ['deploy'], await logFile(settings));
  if (code !== 0) throw new UserError(`sls deploy failed: ${reasonIn(stdout + stderr)}`);
}

/** Runs `sls invoke --stage local`; returns what the function returned. Throws `InvocationError`. */
export async function invoke(
  settings: Settings,
  functionName: string,
  payload?: unknown,
): Promise<unknown> {
  const data = payload === undefined ? [] : ['--data', JSON.stringify(payload)];
  const { code, stdout, stderr } = await sls(settings, ['invoke', '-f', functionName, ...data]);
  const answer = parse(stdout);
  if (code === 0) return answer;
  if (isFunctionError(answer)) {
    throw new InvocationError(functionName, answer.errorType, answer.errorMessage);
  }
  throw new UserError(`sls invoke -f ${functionName} failed: ${reasonIn(stdout + stderr)}`);
}

// an invocation is never logged: a reveal prints what it revealed
async function logFile({ directory }: Settings): Promise<string> {
  await mkdir(join(directory, 'log'), { recursive: true });
  return join(directory, 'log', 'deploy.log');
}

/** Runs `sls` for the local stage, as a person would type it. */
export async function sls(settings: Settings, parameters: readonly string[], log?: string) {
  // it leaves its bundles where temporary files go
  const temporary = await mkdtemp(join(tmpdir(), 'pii-vault-sls-'));
  try {
    return await run(process.execPath, [await program(), ...parameters, '--stage', 'local'], {
      cwd: settings.service,
      env: { ...childEnvironment(settings), TMPDIR: temporary },
      lastLine: reportOfError,
      ...(log === undefined ? {} : { log }),
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The file that `npx sls` runs. */
export async function program(): Promise<string> {
  const manifest = createRequire(import.meta.url).resolve('serverless/package.json');
  const { bin } = JSON.parse(await readFile(manifest, 'utf8')) as { bin: Record<string, string> };
  return join(dirname(manifest), bin['sls'] ?? '');
}

// sls prints the function's answer, and after it, for an error, a line of its own
function parse(stdout: string): unknown {
  const text = stdout.trim();
  try {
    return JSON.parse(text);
  } catch {
    const end = text.lastIndexOf('}');
    return end === -1 || end === text.length - 1 ? undefined : parse(text.slice(0, end + 1));
  }
}

function isFunctionError(value: unknown): value is { errorType: string; errorMessage: string } {
  return typeof value === 'object' && value !== null && 'errorType' in value;
}

/** Where `sls` begins to report an error. It does not end after one in a bundle. */
export const reportOfError = /^Error:$/mu;

/** The part of what `sls` printed that says why it failed. */
export function reasonIn(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  // what stages/check.cjs says stands below the words of `sls` itself
  const start = lines.findLastIndex((line) => line === 'Error:' || line.endsWith('errored with:'));
  const after = lines.slice(start + 1);
  const paragraph = after.slice(after.findIndex((line) => line !== ''));
  const end = paragraph.indexOf('');
  return paragraph
    .slice(0, end === -1 ? undefined : end)
    .filter((line) => !line.startsWith('at '))
    .slice(0, 10)
    .join(' ');
}
