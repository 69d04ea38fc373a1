import { readLocalFiles } from './local-stage.ts';

const answerTimeoutMs = 2_000;

/**
 * What to say besides `problem` if a command for this stage failed because the local stack's emulator has
 * ended or hangs; otherwise null.
 */
export async function deadEmulator(stage: string, problem: string): Promise<string | null> {
  if (stage !== 'local' || !/no answer|not answer|ECONN/.test(problem)) return null;
  const files = await readLocalFiles().catch(() => null);
  const endpoint = files?.env['AWS_ENDPOINT_URL'];
  const fault = endpoint ? await faultOf(endpoint) : null;
  if (fault === null) return null;
  const next =
    fault === 'hangs'
      ? 'it takes connections and hangs. End it with npm stop, which deletes its data, and start it with npm start.'
      : 'npm start deletes its data, whose keys ended with it, and begins a new stack.';
  return `The AWS emulator of the local stack does not answer at ${endpoint}: ${next}`;
}

/** Null where anything answers HTTP there: a process that hangs still takes connections. */
async function faultOf(endpoint: string): Promise<'ended' | 'hangs' | null> {
  try {
    await fetch(endpoint, { method: 'HEAD', signal: AbortSignal.timeout(answerTimeoutMs) });
    return null;
  } catch (error) {
    return error instanceof DOMException && error.name === 'TimeoutError' ? 'hangs' : 'ended';
  }
}
