import { constants } from 'node:os';

import { Cancelled } from '../../cli/user-error.ts';

/** Rejects when a person interrupts; the exit code is then the one that shells give that. */
export function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    const interrupt = (signal: 'SIGINT' | 'SIGTERM') => {
      process.exitCode ??= 128 + constants.signals[signal];
      reject(new Cancelled());
    };
    // npm, tsx and the terminal each send the signal: all but the first change nothing
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  });
  // it may come before anyone waits for it
  interrupted.catch(() => undefined);
  return interrupted;
}
