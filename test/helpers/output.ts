import { format } from 'node:util';
import { vi } from 'vitest';

/** What this process wrote to stdout and stderr since `captureOutput`. */
export interface CapturedOutput {
  text: () => string;
  /** The structured lines, parsed. */
  lines: () => Record<string, unknown>[];
  restore: () => void;
}

const consoleMethods = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const;

/** Keeps what is written to stdout, stderr and the console instead of showing it. */
export function captureOutput(): CapturedOutput {
  let written = '';
  const keep = (chunk: string | Uint8Array): boolean => {
    written += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(keep),
    vi.spyOn(process.stderr, 'write').mockImplementation(keep),
    // vitest has a console of its own
    ...consoleMethods.map((method) =>
      vi
        .spyOn(console, method)
        .mockImplementation((...values) => void keep(`${format(...values)}\n`)),
    ),
  ];
  return {
    text: () => written,
    lines: () =>
      written
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    restore: () => {
      for (const spy of spies) spy.mockRestore();
    },
  };
}
