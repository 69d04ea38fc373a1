import { rm } from 'node:fs/promises';
import { type Command, Option } from 'commander';

import type { EraseCertificate } from '../../lib/requests/erase.ts';
import type { CallerOptions } from '../caller.ts';
import { earlierCertificates, writeCertificates } from '../certificate-file.ts';
import { chooseTokens } from '../choose-tokens.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { confirm } from '../confirm.ts';
import { inChunks } from '../in-chunks.ts';
import type { InputOptions } from '../input.ts';
import { reachedLimit, readLimit, stillReached, writeLimit } from '../reached-limit.ts';
import { reasonOf } from '../reason.ts';
import { findStage, type Stage } from '../stage.ts';
import { readTokens } from '../token-input.ts';
import { UserError } from '../user-error.ts';
import { showUserTokens } from '../user-tokens.ts';
import { afterRetry, type Failure, openDoor } from '../vault.ts';

interface Options extends CommonOptions, CallerOptions, InputOptions {
  userId?: string;
  out?: string;
  dryRun?: true;
  resume?: true;
  suppress?: true;
}

const description = `Erases the values of tokens, and writes the certificates to a file that verify
--certificate checks later. With --user-id it finds the tokens of that user's logins, as vault_analyst,
and shows how many other users share each: the value cannot be revealed for them afterwards either. A
later login with the same value is sealed again, unless you add --suppress. You need the managed policy
eraser.`;

const example =
  "npx pii-vault erase --user-id U --out erasure-17.json --reason 'erasure request 2026-17'";

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'as', 'caller', 'wait', 'input', 'database'])
    .argument('[tokens...]', 'tokens of user_logins')
    .option('--user-id <id>', 'the tokens of this user’s logins')
    .option('--out <file>', 'a new file for the certificates, that only you may read (required)')
    .addOption(
      new Option('--dry-run', 'only show the tokens of --user-id and who shares them').conflicts([
        'out',
        'suppress',
        'resume',
      ]),
    )
    .option('--suppress', 'never seal these values again, until the command lift allows it')
    .option('--resume', 'go on with an --out that was not finished')
    .option('--yes', 'do not ask, and erase all')
    .action(action(run));
}

async function run(
  options: Options,
  { signal, ifCancelled }: Context,
  args: string[],
): Promise<Outcome> {
  ifCancelled(() => 'Nothing was erased.');
  const stage = await findStage(options.stage);
  const { out } = options;
  if (options.dryRun === true) return dryRun(stage, options, signal);
  if (out === undefined) throw new UserError('Add --out FILE: it gets the certificates.');
  const { tokens, problems } = await chosenTokens(stage, options, args, signal);
  if (tokens.length === 0) return outcome(stage.name, out, [], problems, null);
  const door = await openDoor(stage, 'erase', options);
  const reason = await reasonOf(options);
  const suppress = options.suppress === true;
  const certificates = await earlierCertificates(out, options.resume === true);
  const done = new Set(
    certificates.flatMap(({ erased, missing }) => [...erased, ...missing.map((one) => one.token)]),
  );
  const open = tokens.filter((token) => !done.has(token));
  // to ask in vain would only fill the audit
  const reached = await stillReached(await readLimit(out), door.who);
  ifCancelled(() => `${out} has the certificates so far: add --resume to go on.`);
  let left = open.length;
  const erase = async (chunk: string[]) => {
    certificates.push(await door.vault.erase(chunk, reason, { suppress }));
    await writeCertificates(out, certificates);
    left -= chunk.length;
  };
  let failure: Failure | null = null;
  try {
    const wait = options.wait === true;
    const title = 'Erasing values';
    const stoppedBy = await inChunks(open, erase, { title, signal, wait, reached });
    const limit = certificates.length > 0 ? await reachedLimit(stoppedBy, door.who) : null;
    await writeLimit(out, limit);
    if (stoppedBy !== null) failure = await door.explain(stoppedBy);
  } finally {
    // an empty file would be in the way of the next run
    if (certificates.length === 0) await rm(out, { force: true });
  }
  if (failure !== null) problems.push(failure.message);
  if (left > 0 && certificates.length > 0) {
    const when = afterRetry(failure);
    problems.push(`Tokens left: ${left}. Run the same command with --resume to go on${when}.`);
  }
  return outcome(stage.name, out, certificates, problems, failure);
}

const noTokens = 'This user has no logins with tokens.';

async function dryRun(
  stage: Stage,
  { userId, ...options }: Options,
  signal: AbortSignal,
): Promise<Outcome> {
  if (userId === undefined) throw new UserError('--dry-run needs --user-id.');
  const tokens = await showUserTokens(stage, userId, options, signal);
  return {
    exitCode: tokens.length === 0 ? 1 : 0,
    text: 'Nothing was erased.',
    problems: tokens.length === 0 ? [noTokens] : [],
    report: { stage: stage.name, tokens },
  };
}

async function chosenTokens(
  stage: Stage,
  options: Options,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ tokens: string[]; problems: string[] }> {
  const { userId } = options;
  if (userId === undefined) {
    const given = await readTokens(options, args, signal);
    const count = given.tokens.length;
    await confirm(
      `Erase the values of ${count} token${count === 1 ? '' : 's'}${options.suppress === true ? ' for good' : ''}?`,
      options,
    );
    return given;
  }
  if (args.length > 0 || options.file !== undefined || options.csv !== undefined) {
    throw new UserError('Give --user-id or tokens, and not both.');
  }
  const found = await showUserTokens(stage, userId, options, signal);
  if (found.length === 0) return { tokens: [], problems: [noTokens] };
  const chosen = await chooseTokens(found, options);
  return { tokens: chosen.map(({ token }) => token), problems: [] };
}

function outcome(
  stage: string,
  out: string,
  certificates: readonly EraseCertificate[],
  problems: string[],
  failure: Failure | null,
): Outcome {
  const erased = certificates.flatMap((certificate) => certificate.erased).length;
  const missing = certificates.flatMap((certificate) => certificate.missing);
  const of = (wanted: string) => missing.filter(({ why }) => why === wanted).length;
  // of a token that the vault knows, suppression leaves nothing to be done
  const areSuppressed = certificates.every(({ suppressed }) => suppressed) && of('unknown') === 0;
  if (missing.length > 0 && !areSuppressed) {
    problems.push(
      `Tokens without a value: ${missing.length}. Erased before: ${of('erased') + of('suppressed')}. ` +
        `Expired: ${of('expired')}. Unknown: ${of('unknown')}.`,
    );
  }
  return {
    exitCode: failure?.exitCode ?? (problems.length > 0 ? 1 : 0),
    text:
      certificates.length === 0
        ? 'Nothing was erased.'
        : `${renamedText(certificates)}${erasedText(erased, missing.length)}` +
          `${suppressedText(certificates)} Keep the certificates in ${out}.`,
    problems,
    report: {
      stage,
      erased,
      missing: missing.length,
      suppressed: certificates.filter(({ suppressed }) => suppressed).length > 0,
      certificates: certificates.length,
      out,
    },
  };
}

function erasedText(erased: number, missing: number): string {
  const text = `Erased ${erased} value${erased === 1 ? '' : 's'}`;
  if (missing === 0) return `${text}.`;
  return `${text} now; ${missing} token${missing === 1 ? '' : 's'} had no value.`;
}

/** How many values are not sealed again, whether or not the vault held them. */
function suppressedText(certificates: readonly EraseCertificate[]): string {
  const count = certificates
    .filter(({ suppressed }) => suppressed)
    .reduce((sum, { erased, missing }) => sum + erased.length + missing.length, 0);
  return count === 0 ? '' : ` Suppressed: ${count} (npx pii-vault lift ends that).`;
}

/** A line for each token that was named by its name of before the token key was replaced. */
function renamedText(certificates: readonly EraseCertificate[]): string {
  return certificates
    .flatMap(({ renamed = [] }) => renamed)
    .map(({ token, currentToken }) => `${token} is now ${currentToken}.\n`)
    .join('');
}
