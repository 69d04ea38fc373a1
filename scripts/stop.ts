import { findEmulator } from './local/emulator.ts';
import { UserError } from '../cli/user-error.ts';
import { releaseLock, takeLock, underWay } from './local/lock.ts';
import { endProcess } from './local/processes.ts';
import { readSettings, type Settings } from './local/settings.ts';
import { removeStack } from './local/stack.ts';

// a start that is broken off ends what it brought up itself
const longestBreakOffMs = 20_000;

/** `npm stop`: ends what `npm start` left up, or is bringing up, and removes its data. */
async function stop(): Promise<void> {
  const settings = readSettings();
  const wasUnderWay = await lockStack(settings);
  try {
    const was = await removeStack(settings);
    console.log(
      was || wasUnderWay
        ? 'The stack has ended and its data are gone.'
        : 'There was no stack to end.',
    );
  } finally {
    await releaseLock(settings);
  }
  const other = await findEmulator(settings).catch(() => null);
  if (other !== null) {
    console.log(`${other} at ${settings.endpoint.origin} is another's. docker compose down?`);
  }
}

/** Takes the stack's lock; returns whether a start had to be ended for that. */
async function lockStack(settings: Settings): Promise<boolean> {
  const holder = await takeLock(settings, 'stop');
  if (holder === null) return false;
  if (holder.command === 'stop') throw underWay(holder);
  console.log(`npm start is under way, as process ${holder.pid}: it is broken off.`);
  await endProcess(holder.pid, longestBreakOffMs);
  const next = await takeLock(settings, 'stop');
  if (next !== null) throw underWay(next);
  return true;
}

try {
  await stop();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
