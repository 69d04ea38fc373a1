import { expect, test } from 'vitest';

import { demonstrate } from '../../../scripts/local/demonstrations.ts';
import type { Reader } from '../../../scripts/local/reader.ts';
import type { RunningVault } from '../../../scripts/local/running-vault.ts';
import { InvocationError } from '../../../scripts/local/sls.ts';
import { ApprovalRequired, AuditBroken, BreakGlassOpen } from '../../../lib/errors.ts';

const ids = Array.from({ length: 5 }, (_, n) => `5e0c7f1e-0000-4000-8000-00000000000${n}`);

const steps = { run: <T>(_: string, work: () => Promise<T>) => work(), elapsedMs: () => 0 };

/** Shows a reveal, which ends with this error, and `maintain`. */
function afterReveal(error: Error) {
  const vault = {
    commandFor: (functionName: string) => functionName,
    invoke: async (functionName: string) => {
      if (functionName === 'reveal') throw error;
      return {};
    },
  } as Partial<RunningVault> as RunningVault;
  const token = { revealed: 'ip_v1_a', erasable: null, isSample: true };
  return demonstrate(vault, {} as Reader, steps, token);
}

/** Shows only `maintain`, which ends with this error. */
function afterMaintain({ name, message }: Error) {
  const vault = {
    commandFor: (functionName: string) => functionName,
    invoke: () => Promise.reject(new InvocationError('maintain', name, message)),
  } as Partial<RunningVault> as RunningVault;
  const nothing = { revealed: null, erasable: null, isSample: true };
  return demonstrate(vault, {} as Reader, steps, nothing);
}

test.each([
  [1, '1 use of break-glass is open'],
  [2, '2 uses of break-glass are open'],
  [5, '5 uses of break-glass are open'],
])('ends well with %i open uses of break-glass, and says how to close one', async (count, said) => {
  const [shown] = await afterMaintain(new BreakGlassOpen(ids.slice(0, count)));
  expect(shown?.result).toBe(
    `The chain is right. maintain: ${said}: npx pii-vault acknowledge ${ids[0]} --as approver`,
  );
});

test('ends with any other error of maintain', async () => {
  await expect(afterMaintain(new AuditBroken([]))).rejects.toThrow('AuditBroken');
});

test('ends well where the stage refuses the reveal, and says why', async () => {
  const { name, message } = new ApprovalRequired(null, null);
  const [shown] = await afterReveal(new InvocationError('reveal', name, message));
  expect(shown?.result).toMatch(/^Nothing was revealed: reveal answered ApprovalRequired: /);
  await expect(afterReveal(new InvocationError('reveal', 'SealBroken', ''))).rejects.toThrow();
});
