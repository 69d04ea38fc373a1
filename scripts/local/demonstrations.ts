import type { Client } from 'pg';

import type { Demonstration } from './closing-screen.ts';
import type { RunningVault } from './running-vault.ts';
import type { Steps } from './steps.ts';
import { lastAuditRow, leastRepeated, mostRepeated } from './vault-tables.ts';

const requestedBy = 'npm start';

/** Reveals one token, erases another and verifies the audit, each as a person would type it. */
export async function demonstrate(
  vault: RunningVault,
  tables: Client,
  steps: Steps,
): Promise<Demonstration[]> {
  const [repeated] = await mostRepeated(tables, 1);
  const erasable = await leastRepeated(tables);
  if (repeated === undefined || erasable === null) return [];

  const show = async (title: string, functionName: string, token: string, reason: string) => {
    const request = { tokens: [token], reason, requestedBy };
    const command = vault.commandFor(functionName);
    const answer = await steps.run(command, () => vault.invoke(functionName, request));
    return {
      title,
      command: `${command} -d '${JSON.stringify(request)}'`,
      result: flat(answer),
      audit: await lastAuditRow(tables, token),
    };
  };

  const shown = [
    await show('A reveal, and its audit row', 'reveal', repeated.token, 'npm start shows a reveal'),
    await show('An erasure', 'erase', erasable, 'npm start shows an erasure'),
  ];
  const command = vault.commandFor('maintain');
  const verified = await steps.run(command, () => vault.invoke('maintain'));
  return [...shown, { title: 'The audit chain, verified', command, result: flat(verified) }];
}

function flat(answer: unknown): Record<string, unknown> {
  return typeof answer === 'object' && answer !== null ? { ...answer } : { answer };
}
