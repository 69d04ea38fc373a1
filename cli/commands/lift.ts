import type { Command } from 'commander';

import { AccessDenied } from '../../client/errors.ts';
import type { CallerOptions } from '../caller.ts';
import { askInChunks } from '../ask-in-chunks.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import type { InputOptions } from '../input.ts';
import { reasonOf } from '../reason.ts';
import { findStage } from '../stage.ts';
import { readTokens } from '../token-input.ts';
import { afterRetry, openDoor } from '../vault.ts';

interface Options extends CommonOptions, CallerOptions, InputOptions {}

const description = `Ends what erase --suppress began: the values of these tokens are sealed again when a login brings
them. What was erased does not come back. Every token is audited. You need the managed policy eraser.`;

const example = "npx pii-vault lift device_id_v1_… --reason 'objection 2026-17 withdrawn'";

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'as', 'caller', 'wait', 'input'])
    .argument('[tokens...]', 'tokens of user_logins')
    .action(action(run));
}

async function run(
  options: Options,
  { signal, ifCancelled }: Context,
  args: string[],
): Promise<Outcome> {
  const stage = await findStage(options.stage);
  const { tokens, problems } = await readTokens(options, args, signal);
  const door = await openDoor(stage, 'erase', options);
  const reason = await reasonOf(options);
  ifCancelled(() => 'The audit has what was lifted. Run the same command again for the rest.');
  const { answers, stoppedBy } = await askInChunks(
    tokens,
    new Map<string, boolean>(),
    async (chunk) => {
      const { lifted, missing } = await door.vault.lift(chunk, reason);
      const answer = new Map(lifted.map((token) => [token, true]));
      for (const token of missing) answer.set(token, false);
      return answer;
    },
    async () => undefined,
    { title: 'Lifting suppressions', signal, wait: options.wait === true },
  );
  const lifted = [...answers.values()].filter(Boolean).length;
  const missing = answers.size - lifted;
  const left = tokens.length - answers.size;
  const failure = stoppedBy === null ? null : await door.explain(stoppedBy);
  if (missing > 0) problems.push(`Tokens that were not suppressed: ${missing}.`);
  if (failure !== null) problems.push(failure.message);
  if (left > 0) {
    const next = `Run the same command again to go on${afterRetry(failure)}.`;
    // who may not call the URL may not later either
    problems.push(`Tokens left: ${left}.${stoppedBy instanceof AccessDenied ? '' : ` ${next}`}`);
  }
  return {
    exitCode: failure?.exitCode ?? (problems.length > 0 ? 1 : 0),
    text: `Lifted ${lifted} suppression${lifted === 1 ? '' : 's'}.`,
    problems,
    report: { stage: stage.name, lifted, missing, left },
  };
}
