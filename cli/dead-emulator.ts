import { connect } from 'node:net';

import { readLocalFiles } from './local-stage.ts';

const answerTimeoutMs = 1_000;

/**
 * What to say besides `problem` if a command for this stage failed because nothing answers where the
 * local stack's emulator was; otherwise null.
 */
export async function deadEmulator(stage: string, problem: string): Promise<string | null> {
  if (stage !== 'local' || !/no answer|not answer|ECONN/.test(problem)) return null;
  const files = await readLocalFiles().catch(() => null);
  const endpoint = files?.env['AWS_ENDPOINT_URL'];
  if (!endpoint || (await accepts(new URL(endpoint)))) return null;
  return `The AWS emulator of the local stack does not answer at ${endpoint}: npm start begins a new stack.`;
}

function accepts({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: answerTimeoutMs });
    const end = (isUp: boolean) => {
      socket.destroy();
      resolve(isUp);
    };
    socket.on('connect', () => end(true));
    socket.on('timeout', () => end(false));
    socket.on('error', () => end(false));
  });
}
