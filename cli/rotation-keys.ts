import type { LastRotation } from '../db/operations/last-rotation.ts';
import { tokenKeyArns } from '../lib/config.ts';
import type { TokenKeyArns } from '../lib/crypto/kms.ts';
import type { RotationState } from '../lib/operations/rotate.ts';
import type { Stage } from './stage.ts';

/** The token keys that the stage is deployed with, by generation. Throws `UserError`. */
export async function deployedKeys(stage: Stage): Promise<TokenKeyArns> {
  return tokenKeyArns({ TOKEN_KEY_ARNS: await stage.output('TokenKeyArns') });
}

/**
 * Why a rotation that has begun cannot go on with the next token key that is deployed now; null if it can.
 * Under two keys, equal values would have different tokens.
 */
export function otherNextKey(
  { name }: Stage,
  begun: Pick<LastRotation, 'nextKey'>,
  deployed: string | undefined,
): string | null {
  if (begun.nextKey !== null && begun.nextKey === deployed) return null;
  const takeBack = `npx pii-vault rotate --stage ${name} --abort`;
  if (begun.nextKey === null) {
    return (
      `the rotation was begun by release 0.3.0, which did not note its next token key, so it cannot be compared with ` +
      `${deployed ?? 'what is deployed'}: take it back (${takeBack}), and begin again`
    );
  }
  return (
    `the rotation was begun under the next token key ${begun.nextKey}, and ${name} is deployed with ` +
    `${deployed ?? 'no next token key'} now, under which equal values would get other tokens: deploy the stage as it ` +
    `was, with the first of the two keys, or take the rotation back (${takeBack}) and begin again`
  );
}

/** What to do if the key of the present generation that is deployed is not the one that the tokens are of; null if it is. */
export function otherPresentKey(
  { name }: Stage,
  { generation, key }: Pick<RotationState, 'generation' | 'key'>,
  deployed: TokenKeyArns,
): string | null {
  const other = deployed.get(generation);
  // a stage that is not deployed with this generation yet makes no tokens of it
  if (key === null || other === undefined || other === key) return null;
  return (
    `The tokens are of the token key ${key}, and ${name} is deployed with ${other} as that of generation ${generation}: ` +
    `ingest stores nothing under that. Deploy the stage with the first of the two keys. If you cannot, finish the rotation ` +
    `and rotate again, which gives every value a token of generation ${generation + 1}.`
  );
}
