import {
  AccessDenied,
  ApprovalInvalid,
  ApprovalRequired,
  CallerUnverified,
  QuotaExceeded,
  SealBroken,
  VaultCallError,
} from '../client/errors.ts';
import { createVaultClient, type VaultClient } from '../client/vault-client.ts';
import { type Caller, callerArn, type CallerOptions, findCaller } from './caller.ts';
import type { Stage } from './stage.ts';
import { UserError } from './user-error.ts';

/** The signed URLs: the output of the stack that names each, and the managed policy that opens it. */
export const doors = {
  reveal: { output: 'RevealUrl', policy: 'revealer', policyOutput: 'RevealerPolicyArn' },
  tokenize: { output: 'TokenizeUrl', policy: 'finder', policyOutput: 'FinderPolicyArn' },
  erase: { output: 'EraseUrl', policy: 'eraser', policyOutput: 'EraserPolicyArn' },
  approve: { output: 'ApproveUrl', policy: 'approver', policyOutput: 'ApproverPolicyArn' },
  'break-glass': {
    output: 'BreakGlassUrl',
    policy: 'break-glass',
    policyOutput: 'BreakGlassPolicyArn',
  },
} as const;

export type Door = keyof typeof doors;

/** Only in stages where large reveals need an approval. */
export const approvalDoors: ReadonlySet<Door> = new Set(['approve', 'break-glass']);

/** One of the signed URLs, as a command calls it. */
export interface OpenDoor {
  vault: VaultClient;
  /** In plain words why a call failed, and the exit code that this has. */
  explain: (error: VaultCallError) => Promise<Failure>;
  /** The ARN that AWS knows the caller by; null where AWS does not accept the credentials. */
  who: () => Promise<string | null>;
}

export interface Failure {
  exitCode: 2 | 3;
  message: string;
  /** When the same call may work; null where that is not known. */
  retryAt: Date | null;
}

/** Such as ` after 12:05 UTC`; empty where the time is not known. */
export function afterRetry(failure: Failure | null): string {
  if (failure === null || failure.retryAt === null) return '';
  return ` after ${clockTime(failure.retryAt)}`;
}

/** Such as `12:05 UTC`: the end of the minute. */
export function clockTime(time: Date): string {
  const minuteMs = 60_000;
  const minute = new Date(Math.ceil(time.getTime() / minuteMs) * minuteMs);
  return `${minute.toISOString().slice(11, 16)} UTC`;
}

/** Finds the URL, by `--url` or the outputs of the stack, and the caller. Throws `UserError`. */
export async function openDoor(
  stage: Stage,
  door: Door,
  options: CallerOptions,
): Promise<OpenDoor> {
  const caller = await findCaller(stage, options);
  const url = options.url ?? (await urlOf(stage, door));
  return {
    vault: createVaultClient({ urls: { [door]: url }, ...caller }),
    explain: (error) => explain(error, door, caller),
    who: () => callerArn(caller),
  };
}

const refusals = [QuotaExceeded, CallerUnverified, ApprovalRequired, ApprovalInvalid];

async function urlOf(stage: Stage, door: Door): Promise<string> {
  const url = await stage.findOutput(doors[door].output);
  if (url !== null || !approvalDoors.has(door)) return url ?? stage.output(doors[door].output);
  throw new UserError(
    `The stage ${stage.name} asks for no approvals: set revealApprovalAbove in its file, and deploy and migrate it.`,
  );
}

async function explain(error: VaultCallError, door: Door, caller: Caller): Promise<Failure> {
  if (error instanceof AccessDenied) {
    return { exitCode: 3, message: await explainDenial(error, door, caller), retryAt: null };
  }
  const isRefused = refusals.some((refusal) => error instanceof refusal);
  const hint = hintOf(error, door);
  const message =
    error instanceof SealBroken ? 'A sealed value does not open' : `${error.message}${hint}`;
  const retryAt = error instanceof QuotaExceeded ? error.retryAt : null;
  return { exitCode: isRefused ? 3 : 2, message: sentence(message), retryAt };
}

/** What to run next, where a command tells more. */
function hintOf(error: VaultCallError, door: Door): string {
  if (error instanceof ApprovalRequired && error.id !== null) {
    return '; npx pii-vault request asks for more tokens than these at once';
  }
  if (error instanceof ApprovalInvalid && error.problem === 'not_found') {
    return door === 'approve'
      ? '; list them with npx pii-vault requests. What was used, withdrawn or refused already, or has expired, is not there'
      : '; list them with npx pii-vault requests --own';
  }
  return '';
}

/** AWS does not say whether the credentials or the permission are at fault: STS knows the first. */
async function explainDenial(error: AccessDenied, door: Door, caller: Caller): Promise<string> {
  try {
    const arn = await callerArn(caller);
    if (arn === null) {
      return 'AWS does not accept your credentials: they are wrong or expired. Log in again (aws sso login), or check AWS_PROFILE.';
    }
    return `AWS knows you as ${arn}, and this identity may not call ${door}: ask for the managed policy ${doors[door].policy}.`;
  } catch (fault) {
    if (fault instanceof VaultCallError) return sentence(error.message);
    throw fault;
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
