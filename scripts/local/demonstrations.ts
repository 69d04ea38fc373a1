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

  const show = async (title: string, functionName: string, token: string, reason: string) => {
    const request = { tokens: [token], reason, requestedBy };
    const answer = await steps.run(vault.commandFor(functionName), () =>
      vault.invoke(functionName, request),
    );
    return {
      title,
      command: typed(vault, functionName, request),
      result: flat(answer),
      audit: await lastAuditRow(tables, token),
    };
  };

  const shown: Demonstration[] = [
    await show('A reveal, and its audit row', 'reveal', repeated.token, 'npm start shows a reveal'),
  ];
  if (erasable !== null && demoUsers !== null) {
    shown.push(await show('An erasure', 'erase', erasable, 'npm start shows an erasure'));
  }
  if (erasable !== null && demoUsers === null && vault.staysUp) {
    shown.push(leftToYou(vault, erasable));
  }
  const command = vault.commandFor('maintain');
  const verified = await steps.run(command, () => vault.invoke('maintain'));
  return [...shown, { title: 'The audit chain, verified', command, result: flat(verified) }];
}

function leftToYou(vault: RunningVault, token: string): Demonstration {
  const request = { tokens: [token], reason: 'case 4712: to be forgotten', requestedBy: 'you' };
  return {
    title: 'An erasure, left to you',
    command: typed(vault, 'erase', request),
    result: 'The values are yours, so none was erased. This erases one for good:',
  };
}

function typed(vault: RunningVault, functionName: string, request: unknown): string {
  return `${vault.commandFor(functionName)} -d '${JSON.stringify(request)}'`;
}

function flat(answer: unknown): Record<string, unknown> {
  return typeof answer === 'object' && answer !== null ? { ...answer } : { answer };
}
