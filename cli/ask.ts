import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** Whether a person is there to answer: nothing asks where standard input is not a terminal. */
export function canAsk(): boolean {
  return process.stdin.isTTY;
}

/**
 * Asks a question on the terminal. A hidden answer is not shown while it is typed. An end of the
 * input, with Ctrl-C or Ctrl-D, is an empty answer.
 */
export async function ask(question: string, { hidden = false } = {}): Promise<string> {
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  if (hidden) process.stderr.write(question);
  const terminal = createInterface({
    input: process.stdin,
    output: hidden ? nothing : process.stderr,
    terminal: true,
  });
  try {
    // the terminal gives Ctrl-C to readline, and not to the process
    terminal.once('SIGINT', () => {
      process.emit('SIGINT', 'SIGINT');
      terminal.close();
    });
    // Ctrl-C and Ctrl-D close it without an answer
    const closed = new Promise<string>((resolve) => void terminal.once('close', () => resolve('')));
    return await Promise.race([terminal.question(hidden ? '' : question), closed]);
  } finally {
    terminal.close();
    if (hidden) process.stderr.write('\n');
  }
}
