import { VaultCallError } from '../../client/errors.ts';
import type { RevealResponse } from '../../lib/requests/reveal.ts';
import type { Demonstration } from './closing-screen.ts';
import type { Reader } from './reader.ts';
import type { RunningVault } from './running-vault.ts';
import { InvocationError } from './sls.ts';
import type { Steps } from './steps.ts';
import { lastAuditRow } from './stored-logins.ts';

/** Tokens to show the functions with; null where there is none. */
export interface Shown {
  revealed: string | null;
  erasable: string | null;
  /** The values belong to nobody. Otherwise none is shown or erased; a person is told how to. */
  isSample: boolean;
}

/** Reveals one token, erases another and verifies the audit, each as a person would do it. */
export async function demonstrate(
  vault: RunningVault,
  auditor: Reader,
  steps: Steps,
  { revealed, erasable, isSample }: Shown,
): Promise<Demonstration[]> {
  const shown: Demonstration[] = [];
  if (revealed !== null) {
    const request = {
      tokens: [revealed],
      reason: 'npm start shows a reveal',
      requestedBy: 'npm start',
    };
    const answer = await steps.run(vault.commandFor('reveal'), () =>
      vault.invoke('reveal', request).catch(refusal),
    );
    const isRefused = typeof answer === 'string';
    const response = answer as RevealResponse;
    shown.push({
      title: isSample
        ? 'A reveal, and its audit row'
        : 'A reveal, its value hidden here because it is yours, and its audit row',
      command: `${vault.commandFor('reveal')} -d '${JSON.stringify(request)}'`,
      result: isRefused ? answer : flat(isSample ? response : withoutValues(response)),
      audit: isRefused ? null : await lastAuditRow(auditor, revealed),
    });
  }
  if (erasable !== null && isSample) {
    const reason = 'npm start shows an erasure';
    const result = await steps.run('Erase one value through the signed URL', () =>
      vault.erase([erasable], reason).then(flat, whyNot),
    );
    shown.push({
      title: 'An erasure, by the privacy officer',
      command: vault.eraseCommand([erasable], reason),
      result,
      audit: typeof result === 'string' ? null : await lastAuditRow(auditor, erasable),
    });
  }
  if (erasable !== null && !isSample && vault.staysUp) {
    shown.push({
      title: 'An erasure, left to you',
      command: vault.eraseCommand([erasable], 'case 4712: right to be forgotten'),
      result: 'The values are yours, so none was erased. This erases one for good:',
    });
  }
  const command = vault.commandFor('maintain');
  const verified = await steps.run(command, () => vault.invoke('maintain').then(flat, openUses));
  const title = 'The audit chain, verified from the last round on (on Sundays, from its first row)';
  return [
    ...shown,
    typeof verified === 'string'
      ? { title, command: 'npx pii-vault requests --as approver', result: verified }
      : { title, command, result: verified },
  ];
}

/** What `maintain` says at its end, with all of its work done, while uses of break-glass are open. */
function openUses(error: unknown): string {
  if (!(error instanceof InvocationError) || error.errorType !== 'BreakGlassOpen') throw error;
  const [id = 'ID', ...others] =
    error.message.match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? [];
  const count = 1 + others.length + Number(/ and (\d+) more/.exec(error.message)?.[1] ?? 0);
  return (
    `The chain is right. maintain: ${count === 1 ? '1 use' : `${count} uses`} of break-glass ${count === 1 ? 'is' : 'are'} open: ` +
    `npx pii-vault acknowledge ${id} --as approver`
  );
}

// a stage may allow few reveals, and earlier starts have used them
function refusal(error: unknown): string {
  const isRefused =
    error instanceof InvocationError &&
    ['ApprovalRequired', 'QuotaExceeded'].includes(error.errorType);
  if (!isRefused) throw error;
  return `Nothing was revealed: ${error.message}.`;
}

// an emulator that does not verify who calls, or has its URLs elsewhere, is no reason to give up
function whyNot(error: unknown): string {
  if (error instanceof VaultCallError) return `Nothing was erased: ${error.message}.`;
  throw error;
}

function withoutValues(response: RevealResponse): RevealResponse {
  const revealed = response.revealed.map((entry) => ({ ...entry, value: '•••' }));
  return { ...response, revealed };
}

function flat(answer: unknown): Record<string, unknown> {
  return typeof answer === 'object' && answer !== null ? { ...answer } : { answer };
}
