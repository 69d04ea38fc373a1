import { Command, CommanderError } from 'commander';

import { printProblems } from './command.ts';
import { exitCodes } from './exit-codes.ts';

/** The commands, in the groups and the order of `--help`; a command's file is loaded only when it is called. */
const groups = {
  'Ask the vault': {
    whoami: ['show who you are to the vault', () => import('./commands/whoami.ts')],
    reveal: ['reveal the values of tokens', () => import('./commands/reveal.ts')],
    tokenize: ['find the tokens of values', () => import('./commands/tokenize.ts')],
    translate: ['find the present names of tokens', () => import('./commands/translate.ts')],
    erase: ['erase values, with certificates', () => import('./commands/erase.ts')],
    lift: ['allow that erased values are sealed again', () => import('./commands/lift.ts')],
  },
  'Reveal many tokens, by two people': {
    request: ['request an approval of a large reveal', () => import('./commands/request.ts')],
    requests: ['list requests for large reveals', () => import('./commands/requests.ts')],
    approve: ['approve a large reveal', () => import('./commands/approve.ts')],
    refuse: ['refuse a large reveal', () => import('./commands/refuse.ts')],
    withdraw: ['withdraw one of your own requests', () => import('./commands/withdraw.ts')],
    acknowledge: ['close an item of break-glass', () => import('./commands/acknowledge.ts')],
  },
  'Look at a stage': {
    audit: ['show who asked for what', () => import('./commands/audit.ts')],
    verify: ['check that the audit was not changed', () => import('./commands/verify.ts')],
    report: ['write a report as an HTML page', () => import('./commands/report.ts')],
    console: ['look at a stage in a browser', () => import('./commands/console.ts')],
    reconcile: ['account for every message', () => import('./commands/reconcile.ts')],
  },
  'Operate a stage': {
    send: ['send login events to the queue', () => import('./commands/send.ts')],
    redrive: ['send dead-letter messages again', () => import('./commands/redrive.ts')],
    rewrap: ['move all data keys to another KMS key', () => import('./commands/rewrap.ts')],
    rotate: ['replace the token key', () => import('./commands/rotate.ts')],
    networks: ['write the networks of older addresses', () => import('./commands/networks.ts')],
    backup: ['copy the vault into a directory', () => import('./commands/backup.ts')],
    restore: ['restore a copy into a new database', () => import('./commands/restore.ts')],
    drill: ['rehearse backup and restore here', () => import('./commands/drill.ts')],
  },
} as const;

/** Runs `pii-vault` with these arguments. Sets the exit code of the process; never throws. */
export async function main(args: readonly string[]): Promise<void> {
  const program = new Command('npx pii-vault')
    .description('Operates a vault of pii-vault: the local stack, or any deployed stage.')
    .usage('COMMAND [options]')
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError('Run npx pii-vault --help for the commands.')
    .addHelpText('after', `\nExample:\n  npx pii-vault verify --stage prod\n\n${exitCodes}`);
  try {
    for (const [group, commands] of Object.entries(groups)) {
      for (const [name, [description, load]] of Object.entries(commands)) {
        const command = program.command(name).description(description).helpGroup(`${group}:`);
        if (name === args[0]) {
          command.showHelpAfterError(`Run npx pii-vault ${name} --help for its options.`);
          (await load()).define(command);
        }
      }
    }
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander has said what is wrong, or shown the help that was asked for
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    if (error.exitCode !== 0 && args.includes('--json')) {
      printProblems([error.message.replace(/^error: /, '')]);
    }
  }
}
