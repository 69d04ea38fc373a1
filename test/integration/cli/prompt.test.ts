import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startVaultServer, type VaultServer } from '../../helpers/vault-server.ts';

let vault: VaultServer;
beforeEach(async () => {
  vault = await startVaultServer();
  vault.answer = ({ values }) => [
    200,
    { tokens: values.map(() => ({ token: 'token-of-it', held: true })) },
  ];
});
afterEach(() => vault.close());

const program = new URL('../../../cli/pii-vault.js', import.meta.url).pathname;

/** Runs a command on a terminal of its own; types each answer when its question is there. */
async function onTerminal(
  parameters: readonly string[],
  answers: readonly (readonly [question: string, answer: string])[],
): Promise<string> {
  const words = [process.execPath, program, ...parameters];
  const command = words.map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'xterm', ...vault.environment },
  });
  const ended = once(child, 'close');
  let output = '';
  let answered = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const [question, answer] = answers[answered] ?? [];
    if (question !== undefined && output.includes(question)) {
      answered += 1;
      child.stdin.write(answer);
    }
  });
  await ended;
  return output;
}

describe('at a terminal', () => {
  it('asks for values unseen, also where they are pasted, and for the reason', async () => {
    const output = await onTerminal(
      [
        'tokenize',
        '--kind',
        'ip',
        '--stage',
        'staging',
        '--url',
        vault.url,
        '--out',
        '/dev/null/x',
      ],
      [['no more): ', '198.51.100.7\r198.51.100.8\r\r']],
    );
    expect(output).toContain('cannot be written');
    expect(output).not.toContain('198.51');
    expect(vault.asked).toEqual([]);

    const shown = await onTerminal(
      ['tokenize', '--kind', 'ip', '--stage', 'staging', '--url', vault.url, '--json'],
      [
        ['no more): ', '198.51.100.7\r198.51.100.8\r\r'],
        ['which the audit keeps', 'fraud case 4711\r'],
      ],
    );
    expect(shown.split('{')[0]).not.toContain('198.51');
    expect(vault.asked).toMatchObject([
      { values: ['198.51.100.7', '198.51.100.8'], reason: 'fraud case 4711' },
    ]);
  });
});
