import type { Client } from 'pg';

import type { Demonstration } from './closing-screen.ts';
import type { RunningVault } from './running-vault.ts';
import type { Steps } from './steps.ts';
import { lastAuditRow, leastRepeated, mostRepeated } from './vault-tables.ts';

const requestedBy = 'npm start';

/**
 * Reveals one token, erases another and verifies the audit, each as a person would type it. What
 * is erased are values of `demoUsers` alone; where there are none, a person is told how to erase.
 */
export async function demonstrate(
  vault: RunningVault,
  tables: Client,
  steps: Steps,
  demoUsers: readonly string[] | null,
): Promise<Demonstration[]> {
  const [repeated] = await mostRepeated(tables, 1);
  const erasable = await leastRepeated(tables, demoUsers);
  if (repeated === undefined) return [];

  const reveal = { tokens: [repeated.token], reason: 'npm start shows a reveal', requestedBy };
  const revealed = await steps.run(vault.commandFor('reveal'), () =>
    vault.invoke('reveal', reveal),
  );
  const shown: Demonstration[] = [
    {
      title: 'A reveal, and its audit row',
      command: `${vault.commandFor('reveal')} -d '${JSON.stringify(reveal)}'`,
      result: flat(revealed),
      audit: await lastAuditRow(tables, repeated.token),
    },
  ];
  if (erasable !== null && demoUsers !== null) {
    const reason = 'npm start shows an erasure';
    const certificate = await steps.run('Erase one value through the signed URL', () =>
      vault.erase([erasable], reason),
    );
    shown.push({
      title: 'An erasure',
      command: vault.eraseCommand([erasable], reason),
      result: flat(certificate),
      audit: await lastAuditRow(tables, erasable),
    });
  }
  if (erasable !== null && demoUsers === null && vault.staysUp) {
    shown.push({
      title: 'An erasure, left to you',
      command: vault.eraseCommand([erasable], 'case 4712: to be forgotten'),
      result: 'The values are yours, so none was erased. This erases one for good:',
    });
  }
  const command = vault.commandFor('maintain');
  const verified = await steps.run(command, () => vault.invoke('maintain'));
  return [...shown, { title: 'The audit chain, verified', command, result: flat(verified) }];
}

function flat(answer: unknown): Record<string, unknown> {
  return typeof answer === 'object' && answer !== null ? { ...answer } : { answer };
}
