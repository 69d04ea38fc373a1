import type { Command } from 'commander';

import { VaultCallError } from '../../client/errors.ts';
import { attachedPolicies } from '../attached-policies.ts';
import { type Caller, callerArn, type CallerOptions, findCaller } from '../caller.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { findStage, type Stage } from '../stage.ts';
import { pairs } from '../table.ts';
import { UserError } from '../user-error.ts';
import { approvalDoors, type Door, doors } from '../vault.ts';

const description = `Shows under which identity AWS knows you, which is the one that the audit records, and which
of the stage's managed policies are attached to it. Calls none of the vault's URLs, and is not audited.`;

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault whoami --as investigator', ['stage', 'as']).action(
    action(run),
  );
}

async function run(
  options: CommonOptions & CallerOptions,
  { ifCancelled }: Context,
): Promise<Outcome> {
  ifCancelled(() => 'Nothing was changed: whoami only reads.');
  const stage = await findStage(options.stage);
  const caller = await findCaller(stage, options);
  const arn = await callerArn(caller).catch((error: unknown) => {
    throw error instanceof VaultCallError ? new UserError(`AWS: ${error.message}.`) : error;
  });
  if (arn === null) {
    const message =
      'AWS does not accept your credentials: they are wrong or expired. Log in again (aws sso login), or check AWS_PROFILE.';
    return { exitCode: 3, text: '', problems: [message], report: { stage: stage.name, arn } };
  }
  const mayCall = await urlsOf(arn, stage, caller).catch((error: unknown) => {
    // a person who may only call a URL may not read the outputs of the stack
    if (error instanceof UserError) return error.message;
    throw error;
  });
  const isRoot = stage.local !== null && options.as === undefined;
  const named = isRoot
    ? 'everything: this is the root of the local account; --as chooses one of its people'
    : typeof mayCall === 'string'
      ? `not known. ${mayCall}`
      : describeUrls(mayCall);
  const text = pairs({ stage: stage.name, identity: arn, 'may call': named });
  const report = { stage: stage.name, arn, mayCall: typeof mayCall === 'string' ? null : mayCall };
  return { exitCode: 0, text, report };
}

/** The URLs that attached managed policies of the stage open. Throws `UserError`. */
async function urlsOf(
  identity: string,
  stage: Stage,
  caller: Caller,
): Promise<Record<Door, boolean>> {
  // on the local stage only the account's root may read them
  const reader = stage.local === null ? caller : await findCaller(stage, {});
  const attached = await attachedPolicies(identity, reader);
  if (attached === null) throw new UserError('You may not read the policies of this identity.');
  const has = async (door: Door) => {
    const { policyOutput } = doors[door];
    const policy = approvalDoors.has(door)
      ? await stage.findOutput(policyOutput)
      : await stage.output(policyOutput);
    return policy !== null && attached.has(policy);
  };
  return {
    reveal: await has('reveal'),
    tokenize: await has('tokenize'),
    erase: await has('erase'),
    approve: await has('approve'),
    'break-glass': await has('break-glass'),
  };
}

function describeUrls(mayCall: Record<Door, boolean>): string {
  const open = (Object.keys(doors) as Door[]).filter((door) => mayCall[door]);
  const named = open.map((door) => `${door} (policy ${doors[door].policy})`).join(', ');
  return named || 'no URL by a managed policy of the stage; other policies may allow it';
}
