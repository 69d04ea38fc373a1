import { findEmulator } from './local/emulator.ts';
import { releaseLock, takeLock, alreadyRunning } from './local/lock.ts';
import { endProcess } from './local/processes.ts';
import { readSettings, type Settings } from './local/settings.ts';
import { keepStack, removeStack } from './local/stack.ts';
import { readState } from './local/state.ts';
import { readOptions, showUserError } from './local/usage.ts';

const usage = `npm stop [-- --keep-data]

Stops what npm start brought up, or cancels a start that is running, and deletes the data: the
database, the queues and the keys.

  --keep-data   keep them for the next npm start`;

// a start that is cancelled ends what it brought up itself
const maxCancelMs = 20_000;

/** `npm stop`. */
async function stop(): Promise<void> {
  const { 'keep-data': isKept = false } = readOptions(usage, { 'keep-data': { type: 'boolean' } });
  const settings = readSettings();
  const hasCancelled = await lockStack(settings);
  try {
    const { isKept: wasKept = false } = await readState(settings);
    const hasStopped = isKept ? await keepStack(settings) : await removeStack(settings);
    console.log(
      wasKept && !hasCancelled ? keptOutcome(isKept) : outcome(hasStopped, hasCancelled, isKept),
    );
  } finally {
    await releaseLock(settings);
  }
  const other = await findEmulator(settings).catch(() => null);
  if (other !== null) {
    console.log(
      `${other} still answers at ${settings.endpoint.origin}; npm start did not start it. ` +
        'If it is of docker-compose.yml: docker compose down.',
    );
  }
}

// an earlier stop has stopped it, and kept its data
function keptOutcome(isKept: boolean): string {
  return isKept
    ? 'The stack is not running. Its data are kept for the next npm start.'
    : 'The stack is not running. Kept data deleted.';
}

function outcome(hasStopped: boolean, hasCancelled: boolean, isKept: boolean): string {
  if (hasStopped) {
    return isKept
      ? 'Stack stopped. The next npm start uses its data again.'
      : 'Stack stopped, data deleted.';
  }
  return hasCancelled ? 'Stack stopped, data deleted.' : 'There is no stack to stop.';
}

/** Takes the stack's lock; returns whether a start had to be cancelled for that. */
async function lockStack(settings: Settings): Promise<boolean> {
  const holder = await takeLock(settings, 'stop');
  if (holder === null) return false;
  if (holder.command === 'stop') throw alreadyRunning(holder);
  console.log(`npm start is running, as process ${holder.pid}: it is being cancelled.`);
  await endProcess(holder.pid, maxCancelMs);
  const next = await takeLock(settings, 'stop');
  if (next !== null) throw alreadyRunning(next);
  return true;
}

await showUserError(stop());
