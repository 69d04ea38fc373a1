import { findEmulator } from './local/emulator.ts';
import { Fault } from './local/fault.ts';
import { readSettings } from './local/settings.ts';
import { removeStack } from './local/stack.ts';

/** `npm stop`: ends what `npm start` left up, and removes its data. */
async function stop(): Promise<void> {
  const settings = readSettings();
  const was = await removeStack(settings);
  console.log(was ? 'The stack has ended and its data are gone.' : 'There was no stack to end.');
  const other = await findEmulator(settings).catch(() => null);
  if (other !== null) {
    console.log(`${other} at ${settings.endpoint.origin} is another's. docker compose down?`);
  }
}

try {
  await stop();
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
