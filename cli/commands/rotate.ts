import { type Command, InvalidArgumentError } from 'commander';
import type { Pool } from 'pg';

import { countSuppressed, lastRotation } from '../../db/operations/last-rotation.ts';
import {
  findRotationObstacles,
  type RotationSize,
  rotationSize,
} from '../../db/operations/rotation-plan.ts';
import {
  abortRotation,
  finishRotation,
  formerTokensLeft,
  rotationState,
} from '../../db/operations/rotation.ts';
import { rotate, type RotateReport } from '../../lib/operations/rotate.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { confirm } from '../confirm.ts';
import { withPool } from '../database.ts';
import { deployLocally } from '../local-rotation.ts';
import { databaseConfig } from '../login.ts';
import { planText, underWay } from '../rotation-plan.ts';
import { deployedKeys, otherNextKey, otherPresentKey } from '../rotation-keys.ts';
import { nextKeyOf, openRotation, type OpenRotation, rotateDeps } from '../rotation.ts';
import { sweepAll } from '../rotation-parts.ts';
import { findStage, type Stage } from '../stage.ts';
import { pairs } from '../table.ts';
import { Cancelled, UserError } from '../user-error.ts';

interface Options extends CommonOptions {
  dryRun?: true;
  finish?: true;
  abort?: true;
  reason: string;
  endSuppressions?: true;
}

/** What the audit keeps where no reason is given. */
function usualReason({ finish: isEnd, abort: isAbort }: Partial<Options>): string {
  if (isEnd === true) return 'Former tokens can no longer be translated.';
  return isAbort === true ? 'The token key is not replaced.' : 'The token key is replaced.';
}

const description = `Replaces the key that tokens are derived from: every value gets a token of the next generation, in
user_logins and in the vault, and equal values have equal tokens as before. Readers see all old tokens
or all new ones. Values are mapped while the vault is in use; then ingest pauses, and one transaction
replaces all tokens. It may be killed at any time: run it again, and it goes on.

Afterwards, translate and reveal accept former tokens, until you run it with --finish: then nothing is left
that the former key could unlock, and that key may be disabled. It needs the parameter rotation: 'on' in the
stage's file, and the role that the stack then has. On the local stage it deploys that itself.`;

const example = "npx pii-vault rotate --stage prod --reason 'the token key leaked, incident 12'";

export function define(command: Command): void {
  describe(command, description, example, ['stage', 'yes', 'database'])
    .option('--dry-run', 'only say what would be done, how long it takes, and what is in the way')
    .option('--finish', 'end the time in which former tokens can be translated')
    .option('--abort', 'take it back, before the tokens were replaced')
    .option('--reason <text>', 'why, 10 to 500 characters; the audit keeps it', parseReason)
    .option('--end-suppressions', 'begin though values are suppressed, which ends with it')
    .action(action(run));
}

function parseReason(text: string): string {
  if (text.trim().length >= 10 && text.length <= 500 && /^\P{Cc}*$/u.test(text)) return text.trim();
  throw new InvalidArgumentError('It must be 10 to 500 characters on one line.');
}

async function run(given: Partial<Options> & CommonOptions, context: Context): Promise<Outcome> {
  const options: Options = { ...given, reason: given.reason ?? usualReason(given) };
  if ([options.dryRun, options.finish, options.abort].filter(Boolean).length > 1) {
    throw new UserError('Give --dry-run, --finish or --abort, and only one of them.');
  }
  const stage = await findStage(options.stage);
  if (options.dryRun === true) return dryRun(stage, options);
  await switchOn(stage, options);
  return openRotation(stage, options, async (rotation) => {
    if (options.finish === true) return finish(rotation, options);
    if (options.abort === true) return abort(rotation, options);
    return rotateAll(rotation, options, context);
  });
}

/** The parameters of the stage's file that allow it; on the local stage, deploys them. Throws `UserError`. */
async function switchOn(stage: Stage, options: Options): Promise<void> {
  if ((await stage.output('Rotation')) === 'on') return;
  const generation = Number(await stage.output('TokenGeneration'));
  if (options.finish === true || options.abort === true) {
    throw new UserError(`No rotation is under way on ${stage.name}.`);
  }
  if (stage.local === null) throw new UserError(parametersText(stage.name, generation, 'on'));
  // what is in the way is said before anything is deployed
  const planned = await dryRun(stage, options);
  if (planned.exitCode !== 0) throw new UserError(planned.text);
  console.error('Deploying the next token key, and the right to use it …');
  await deployLocally('on', generation);
  // what was read of the stack and of its logins is of before
  Object.assign(stage, await findStage(stage.name));
}

/** What to set in the stage's file, and to do then. */
function parametersText(stage: string, generation: number, rotation: 'on' | 'off'): string {
  return (
    `Set in stages/${stage}.yml:\n  tokenGeneration: ${generation}\n  rotation: '${rotation}'\n` +
    `Then: npx sls deploy --stage ${stage} && npx sls invoke -f migrate --stage ${stage}`
  );
}

async function dryRun(stage: Stage, options: Options): Promise<Outcome> {
  const generation = Number(await stage.output('TokenGeneration'));
  const config = await databaseConfig(stage, 'vault_auditor', options);
  return withPool(config, async (pool): Promise<Outcome> => {
    const last = await lastRotation(pool);
    const state = underWay(last);
    if (last?.outcome === 'swapped') {
      const text = `${state}\nNothing was changed.`;
      return { exitCode: 0, text, report: { stage: stage.name, generation, last } };
    }
    const { size, obstacles } = await plan(pool, generation);
    const suppressed = state === null ? await countSuppressed(pool) : 0;
    if (suppressed > 0 && options.endSuppressions !== true) {
      obstacles.push(
        `values are suppressed (${suppressed}; npx pii-vault audit --action suppress lists them), which ends with it: add --end-suppressions, and have them suppressed again`,
      );
    }
    const isOn = (await stage.output('Rotation')) === 'on';
    // without the parameter there is no next key yet
    if (last?.outcome === 'begun' && isOn) {
      const problem = otherNextKey(stage, last, (await deployedKeys(stage)).get(last.to));
      if (problem !== null) obstacles.push(problem);
    }
    const lines = [planText(generation, size, obstacles)];
    if (state !== null) lines.unshift(state);
    if (last?.outcome === 'finished' && generation < last.to) lines.push(staleText(stage, last.to));
    lines.push('Nothing was changed.');
    if (!isOn && stage.local === null) {
      lines.push(`To begin:\n${parametersText(stage.name, generation, 'on')}`);
    }
    return {
      exitCode: obstacles.length > 0 ? 1 : 0,
      text: lines.join('\n'),
      report: { stage: stage.name, generation, ...size, obstacles, suppressed, last },
    };
  });
}

/** For a stage whose file is of before a rotation that is finished. */
function staleText({ name }: Stage, generation: number): string {
  return (
    `The rotation to generation ${generation} is finished, and ${name} is not deployed with it: run ` +
    `npx pii-vault rotate --stage ${name} --finish again, for what is left to do.`
  );
}

async function plan(
  pool: Pool,
  generation: number,
): Promise<{ size: RotationSize; obstacles: string[] }> {
  return {
    size: await rotationSize(pool),
    obstacles: await findRotationObstacles(pool, generation + 1),
  };
}

async function rotateAll(
  rotation: OpenRotation,
  options: Options,
  { signal, ifCancelled }: Context,
): Promise<Outcome> {
  const { stage, pool } = rotation;
  const state = await rotationState(pool);
  if (state.phase === 'aborting') {
    throw new UserError('A rotation is being aborted: run it with --abort to the end.');
  }
  if (state.phase === null && Number(await stage.output('TokenGeneration')) < state.generation) {
    throw new UserError(staleText(stage, state.generation));
  }
  let values = 0;
  if (state.phase !== 'swapped') {
    await nextKeyOf(stage, state);
    const { size, obstacles } = await plan(pool, state.generation);
    values = size.values;
    console.error(`${planText(state.generation, size, obstacles)}\n`);
    if (obstacles.length > 0) throw new UserError('Nothing was changed: see what is in the way.');
    if (stage.local === null && state.phase === null) {
      await confirm(`Replace the token key of ${stage.name}?`, options);
    }
  }
  ifCancelled(() => 'Run the same command again to go on, or with --abort to take it back.');
  const report = await rotate(await rotateDeps(rotation, state, options, signal, values));
  if (!report.isDone) throw new Cancelled();
  const reached = await rotationState(pool);
  const otherKey = otherPresentKey(stage, reached, await deployedKeys(stage));
  return outcome(stage.name, report, reached.generation, await formerTokensLeft(pool), otherKey);
}

function outcome(
  stage: string,
  { swapped, pausedSeconds }: RotateReport,
  generation: number,
  left: number,
  otherKey: string | null,
): Outcome {
  const facts = {
    ...(swapped !== null && {
      'values mapped': swapped.mapped,
      'of which do not open': swapped.broken,
      'erased values carried': swapped.carried,
      'tokens without a value': swapped.unheld,
      ...(swapped.early > 0 && { 'logins with tokens that nobody can have made': swapped.early }),
      'logins rewritten': swapped.rewritten,
      'groups of equal values': `unchanged (${swapped.groups.map((digest) => digest.slice(0, 16)).join(', ')})`,
    }),
    ...(pausedSeconds !== null && { 'pause of ingest': `${pausedSeconds.toFixed(1)} s` }),
    'token generation': generation,
    [`tokens of generation ${generation - 1} left`]: left,
  };
  const next =
    'Former tokens can be translated (npx pii-vault translate), until you run ' +
    `npx pii-vault rotate --stage ${stage} --finish`;
  return {
    exitCode: left > 0 || otherKey !== null ? 1 : 0,
    text: [pairs(facts), next, ...(otherKey === null ? [] : [otherKey])].join('\n'),
    report: { stage, generation, left, pausedSeconds, swapped, otherKey },
  };
}

async function finish({ stage, pool, who }: OpenRotation, options: Options): Promise<Outcome> {
  const state = await rotationState(pool);
  const { phase, generation, isPaused } = state;
  if (phase === null && Number(await stage.output('TokenGeneration')) < generation) {
    // an earlier run was finished in the database, and what was left to do is not done yet
    const formerKey = (await stage.output('TokenKeyArn')).trim();
    return {
      exitCode: 0,
      text: `The rotation is finished. ${await afterFinish(stage, generation, formerKey)}`,
      report: { stage: stage.name, from: generation - 1, to: generation, left: 0, formerKey },
    };
  }
  if (phase !== 'swapped') {
    throw new UserError('The tokens are not replaced yet: there is nothing to finish.');
  }
  if (isPaused) {
    throw new UserError(`Ingest is paused: run npx pii-vault rotate --stage ${stage.name} first.`);
  }
  const otherKey = otherPresentKey(stage, state, await deployedKeys(stage));
  if (otherKey !== null) console.error(otherKey);
  if (stage.local === null) {
    await confirm('After this nobody can translate former tokens any more. Finish?', options);
  }
  // a run that was killed after the swap may have left some
  await sweepAll(pool);
  const proof = await finishRotation(pool, { ...who, reason: options.reason });
  const formerKey = (await stage.output('TokenKeyArn')).trim();
  const todo = await afterFinish(stage, proof.to, formerKey);
  const facts = {
    'former tokens that could be translated': proof.names,
    ...(proof.late > 0 && { 'logins rewritten that came with one since': proof.late }),
    [`tokens of generation ${proof.from} left`]: proof.left,
  };
  return {
    exitCode: otherKey === null ? 0 : 1,
    text: `${pairs(facts)}\nThe rotation is finished. ${todo}`,
    report: { stage: stage.name, ...proof, formerKey, otherKey },
  };
}

/** Says what is left to do once nobody can translate former tokens; on the local stage, does it. Throws `UserError`. */
async function afterFinish(stage: Stage, generation: number, formerKey: string): Promise<string> {
  if (stage.local === null) {
    return (
      `${parametersText(stage.name, generation, 'off')}\n` +
      `Then disable the former key:\n  aws kms disable-key --key-id ${formerKey}`
    );
  }
  console.error('Deploying the stage without the former token key …');
  await deployLocally('off', generation);
  return `The former key is ${formerKey}, which nobody may use now.`;
}

async function abort(rotation: OpenRotation, options: Options): Promise<Outcome> {
  const { stage, pool, who, ingest } = rotation;
  const { phase, generation } = await rotationState(pool);
  if (phase === 'swapped') {
    throw new UserError(
      'The tokens are replaced already, which cannot be taken back: finish it, and rotate again if you have to.',
    );
  }
  if (phase !== null) {
    const context = { ...who, reason: options.reason };
    await abortRotation(pool, context, false);
    await ingest.resume();
    await sweepAll(pool);
    await abortRotation(pool, context, true);
  }
  if (stage.local !== null) {
    console.error('Deploying the stage without the next token key …');
    await deployLocally('off', generation);
  }
  const todo = stage.local === null ? ` ${parametersText(stage.name, generation, 'off')}` : '';
  return {
    exitCode: 0,
    text: `The tokens are of generation ${generation}, as before.${todo}`,
    report: { stage: stage.name, generation, aborted: phase !== null },
  };
}
