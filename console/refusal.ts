import { AccessDenied, QuotaExceeded, type VaultCallError } from '../client/errors.ts';
import { usedUp } from '../cli/in-chunks.ts';
import type { Stage } from '../cli/stage.ts';
import { UserError } from '../cli/user-error.ts';
import { type Door, doors, type OpenDoor } from '../cli/vault.ts';
import { NotForYou } from './not-for-you.ts';

/** Why a signed URL refused, for the person at a page: `NotForYou` where AWS knows them and they have not the policy. */
export async function refusalOf(
  error: VaultCallError,
  door: Door,
  stage: Stage,
  { explain, who }: Pick<OpenDoor, 'explain' | 'who'>,
): Promise<UserError> {
  if (error instanceof QuotaExceeded && door === 'reveal') return overQuota(error, stage);
  const { message } = await explain(error);
  const isKnown = error instanceof AccessDenied && (await orNull(who())) !== null;
  return isKnown ? new NotForYou(message, doors[door].policy) : new UserError(message);
}

async function overQuota(error: QuotaExceeded, stage: Stage): Promise<UserError> {
  const { limit, retryAt, remaining } = error;
  const isUsedUp = retryAt !== null && (remaining ?? 0) === 0;
  const { message } = isUsedUp ? usedUp(limit, retryAt) : error;
  const hasApprovals = (await orNull(stage.findOutput(doors.approve.output))) !== null;
  const hint = '. An approved request needs no room: npx pii-vault request';
  return new UserError(hasApprovals ? `${message}${hint}` : message);
}

async function orNull<T>(answer: Promise<T | null>): Promise<T | null> {
  try {
    return await answer;
  } catch {
    return null;
  }
}
