import { constants } from 'node:os';

/** Ctrl-C, or a SIGTERM, while a command runs. */
export interface Interruption {
  signal: AbortSignal;
  /** The exit code that shells give such an end: 130 or 143. */
  exitCode: () => number;
  /** Stops watching. */
  end: () => void;
}

// npx and the terminal each pass the same Ctrl-C on, within milliseconds: only a later one is a second
const secondAfterMs = 250;

/** Watches for an interruption; a second one ends the process at once. */
export function watchInterruption(): Interruption {
  const controller = new AbortController();
  let first = 0;
  let exitCode = 130;
  const interrupt = (name: 'SIGINT' | 'SIGTERM') => {
    if (controller.signal.aborted) {
      if (Date.now() - first > secondAfterMs) process.exit(exitCode);
      return;
    }
    first = Date.now();
    exitCode = 128 + constants.signals[name];
    console.error('\nStopping. Press Ctrl-C again to stop at once.');
    controller.abort();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    end: () => void process.off('SIGINT', interrupt).off('SIGTERM', interrupt),
  };
}
