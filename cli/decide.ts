import { VaultCallError } from '../client/errors.ts';
import type { VaultClient } from '../client/vault-client.ts';
import { requestDigest } from '../lib/requests/request-digest.ts';
import type { ShownRequest } from '../lib/requests/decide.ts';
import type { CallerOptions } from './caller.ts';
import type { CommonOptions, Outcome } from './command.ts';
import { confirm } from './confirm.ts';
import { reasonOf } from './reason.ts';
import { findStage } from './stage.ts';
import { pairs, table } from './table.ts';
import { UserError } from './user-error.ts';
import { openDoor } from './vault.ts';
import { visible } from './visible.ts';

/** Options of the commands about one request or item. */
export type DecideOptions = CommonOptions & CallerOptions & { tokens?: true };

const words = { approve: 'Approve', refuse: 'Refuse' } as const;

/**
 * Shows a request as the vault has it, checks that its digest is that of what is shown, asks, and sends the decision with
 * that digest. Throws `UserError`.
 */
export async function decideOn(
  id: string,
  action: keyof typeof words,
  options: DecideOptions,
): Promise<Outcome> {
  return withItem('approve', options, async (vault) => {
    const shown = await vault.showRequest(id);
    const digest = requestDigest(shown);
    if (digest !== shown.digest) {
      throw new UserError('The digest is not that of what the vault shows. Nothing was decided.');
    }
    console.error(`${describeRequest(shown)}\n`);
    if (options.tokens === true) console.error(`${shown.tokens.map(visible).join('\n')}\n`);
    const reason = await reasonOf(options);
    await confirm(
      `${words[action]} the reveal of ${shown.tokens.length} token${shown.tokens.length === 1 ? '' : 's'}?`,
      options,
    );
    const { state } = await vault.decide(action, { id, digest }, reason);
    const next =
      state === 'approved' ? 'Its caller can use it once, within an hour.' : 'Nothing is revealed.';
    const text = `Request ${id} is ${state}. ${next}`;
    return { exitCode: 0, text, report: { id, state, digest } };
  });
}

function describeRequest({ stage, tokens, ...request }: ShownRequest): string {
  const kinds = new Map<string, number>();
  for (const token of tokens) {
    const kind = token.replace(/_v\d+_.*$/s, '');
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return pairs({
    stage,
    'requested by': visible(request.requestedBy),
    reason: visible(request.reason),
    tokens: [...kinds].map(([kind, count]) => `${count} ${visible(kind)}`).join(', '),
    'requested at': request.requestedAt,
    'expires at': request.expiresAt,
    digest: request.digest,
  });
}

/** Does `work` with an item of this id at a URL, and says what came of it. Throws `UserError`. */
export async function withItem(
  door: 'reveal' | 'approve',
  options: DecideOptions,
  work: (vault: VaultClient) => Promise<Outcome>,
): Promise<Outcome> {
  const stage = await findStage(options.stage);
  const { vault, explain } = await openDoor(stage, door, options);
  try {
    return await work(vault);
  } catch (error) {
    if (!(error instanceof VaultCallError)) throw error;
    const { exitCode, message } = await explain(error);
    return { exitCode, text: '', problems: [message], report: { stage: stage.name } };
  }
}

/** A table for people, with what others wrote made visible; a sentence where it has no row. */
export function shownTable(
  rows: readonly Readonly<Record<string, string | number | null>>[],
  ifNone: string,
): string {
  if (rows.length === 0) return ifNone;
  return table(
    rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, visible(String(value ?? ''))]),
      ),
    ),
  );
}
