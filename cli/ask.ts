import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** Whether a person is there to answer: nothing asks where standard input is not a terminal. */
export function canAsk(): boolean {
  return process.stdin.isTTY;
}

/** Asks a question on the terminal. An end of the input, with Ctrl-C or Ctrl-D, is an empty answer. */
export async function ask(question: string): Promise<string> {
  const terminal = openTerminal(process.stderr);
  try {
    const closed = new Promise<string>((resolve) => void terminal.once('close', () => resolve('')));
    return await Promise.race([terminal.question(question), closed]);
  } finally {
    terminal.close();
  }
}

/** Asks for lines until one is empty; a hidden line is not shown while it is typed or pasted. */
export async function askLines(question: string, hidden: boolean): Promise<string[]> {
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = openTerminal(hidden ? nothing : process.stderr);
  const lines: string[] = [];
  try {
    // only now: the terminal shows what is typed until readline takes over
    process.stderr.write(question);
    for await (const line of terminal) {
      if (hidden) process.stderr.write('\n');
      if (line.trim() === '') break;
      lines.push(line);
      process.stderr.write(question);
    }
    return lines;
  } finally {
    terminal.close();
  }
}

function openTerminal(output: NodeJS.WritableStream): Interface {
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  // the terminal gives Ctrl-C to readline, and not to the process
  terminal.once('SIGINT', () => {
    process.emit('SIGINT', 'SIGINT');
    terminal.close();
  });
  return terminal;
}
