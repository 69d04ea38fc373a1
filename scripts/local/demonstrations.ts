import { VaultCallError } from '../../client/errors.ts';
import type { Demonstration } from './closing-screen.ts';
import type { Reader } from './reader.ts';
import type { RunningVault } from './running-vault.ts';
import type { Steps } from './steps.ts';
import { lastAuditRow } from './stored-logins.ts';

/** Tokens to show the functions with; null where there is none. */
export interface Shown {
  revealed: string | null;
  erasable: string | null;
  /** Whether to erase that one; if not, a person is told how to. */
  mayErase: boolean;
}

/** Reveals one token, erases another and verifies the audit, each as a person would do it. */
export async function demonstrate(
  vault: RunningVault,
  auditor: Reader,
  steps: Steps,
  { revealed, erasable, mayErase }: Shown,
): Promise<Demonstration[]> {
  const shown: Demonstration[] = [];
  if (revealed !== null) {
    const request = {
      tokens: [revealed],
      reason: 'npm start shows a reveal',
      requestedBy: 'npm start',
    };
    const answer = await steps.run(vault.commandFor('reveal'), () =>
      vault.invoke('reveal', request),
    );
    shown.push({
      title: 'A reveal, and its audit row',
      command: `${vault.commandFor('reveal')} -d '${JSON.stringify(request)}'`,
      result: flat(answer),
      audit: await lastAuditRow(auditor, revealed),
    });
  }
  if (erasable !== null && mayErase) {
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
  if (erasable !== null && !mayErase && vault.staysUp) {
    shown.push({
      title: 'An erasure, left to you',
      command: vault.eraseCommand([erasable], 'case 4712: right to be forgotten'),
      result: 'The values are yours, so none was erased. This erases one for good:',
    });
  }
  const command = vault.commandFor('maintain');
  const verified = await steps.run(command, () => vault.invoke('maintain'));
  return [...shown, { title: 'The audit chain, verified', command, result: flat(verified) }];
}

// an emulator that does not verify who calls, or has its URLs elsewhere, is no reason to give up
function whyNot(error: unknown): string {
  if (error instanceof VaultCallError) return `Nothing was erased: ${error.message}.`;
  throw error;
}

function flat(answer: unknown): Record<string, unknown> {
  return typeof answer === 'object' && answer !== null ? { ...answer } : { answer };
}
