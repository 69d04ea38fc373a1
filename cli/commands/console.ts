import { once } from 'node:events';
import { type Command, InvalidArgumentError } from 'commander';

import { startConsole } from '../../console/server.ts';
import { stageVault } from '../../console/stage-vault.ts';
import type { CallerOptions } from '../caller.ts';
import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { findStage } from '../stage.ts';
import { messageOf, UserError } from '../user-error.ts';

interface Options extends CommonOptions, CallerOptions {
  port: number;
}

const description = `Serves pages on 127.0.0.1 until Ctrl-C: how the stage does, and the report; reveal, look up and
erase with a reason; approvals, the audit, dead-letter messages, data keys and alarms. Every call is signed with your own AWS
credentials and every query uses your own login to the database, so the page can do no more than you
may. Open the printed address once, in one browser: it holds a secret that works once.`;

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault console --as investigator', [
    'stage',
    'as',
    'database',
  ])
    .option('--port <n>', 'the port on 127.0.0.1; 0: a free one', parsePort, 0)
    .action(action(run));
}

async function run(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  const stage = await findStage(options.stage);
  const vault = await stageVault(stage, options, signal);
  const started = await startConsole(vault, options.port).catch((error: unknown) => {
    throw new UserError(`The console cannot listen: ${messageOf(error)}.`);
  });
  ifCancelled(() => 'The console is closed.');
  const { url } = started;
  if (options.json === true) console.log(JSON.stringify({ url }));
  else console.log(`The console of ${stage.name} is open until Ctrl-C:\n\n  ${url}\n`);
  if (!signal.aborted) await once(signal, 'abort');
  await started.close();
  return { exitCode: 0, text: '', report: { stage: stage.name } };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  throw new InvalidArgumentError('It is not a port.');
}
