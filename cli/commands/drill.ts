import { type Command, Option } from 'commander';

import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { type Drill, prepareDrill } from '../drill.ts';
import { findStage } from '../stage.ts';
import { Cancelled, UserError } from '../user-error.ts';

const description = `Rehearses backup and restore on the local stack, from end to end. Sends a login of its
own, copies the vault, erases one value of that login, restores the copy with the newest audit into a
new database, and reveals from there with a copy of the deployed function: what was kept must be
revealed, what was erased must stay erased.

The running functions, their database and your own values stay as they are. The drill leaves one
login of the user pii-vault-drill, and its rows of the audit.`;

const localOnly =
  'drill runs on the local stack only. For a deployed stage, restore a backup into a second ' +
  'database (docs/operations.md, "Back up and restore").';

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault drill', [])
    // it takes no other, and says what to do instead
    .addOption(new Option('--stage <name>').default('local').hideHelp())
    .action(action(run));
}

async function run(options: CommonOptions, { signal, ifCancelled }: Context): Promise<Outcome> {
  const stage = await findStage(options.stage);
  const { local } = stage;
  if (local === null) throw new UserError(localOnly);
  const drill = prepareDrill({ ...stage, local }, signal);
  let isClean = true;
  ifCancelled(() =>
    isClean
      ? 'Nothing of the drill is left but its own login. The vault is as it was.'
      : 'The running functions are as they were. The next drill removes what this one has left.',
  );
  const step = async <T>(title: string, work: () => Promise<T>): Promise<T> => {
    if (signal.aborted) throw new Cancelled();
    const since = performance.now();
    const result = await work();
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    console.error(`✔ ${title.padEnd(60)} ${seconds.padStart(5)} s`);
    return result;
  };
  const cleanUp = async () => {
    isClean = false;
    await drill.cleanUp();
    isClean = true;
  };
  const erasedAgain = await steps({ ...drill, cleanUp }, step);
  return {
    exitCode: 0,
    text: 'The drill succeeded: the value that was kept is revealed, the erased one stays erased.',
    report: { stage: stage.name, erasedAgain },
  };
}

type Step = <T>(title: string, work: () => Promise<T>) => Promise<T>;

/** Returns how many values the restore erased again. */
async function steps(drill: Drill, step: Step): Promise<number> {
  await step('Remove what an interrupted drill has left', drill.cleanUp);
  try {
    const own = await step('Send a login of its own and wait for it', drill.sendLogin);
    const before = await step('Copy the vault', drill.backUp);
    await step('Erase one value of that login', () => drill.erase(own.deviceId));
    await step('Copy the newest audit', drill.backUpAudit);
    await step('Create a new database', drill.createDatabase);
    const erasedAgain = await step('Restore into it', () => drill.restore(before));
    await step('Copy the function reveal, for the new database', drill.createFunction);
    await step('Reveal from the new database', () => drill.reveal(own.ip, own.deviceId));
    await step('Erase the other value of that login', () => drill.erase(own.ip));
    return erasedAgain;
  } finally {
    await drill.cleanUp();
  }
}
