import type { Command } from 'commander';

import { action, type CommonOptions, type Context, describe, type Outcome } from '../command.ts';
import { refuseExisting, writePrivateFile } from '../private-file.ts';
import { showProgress } from '../progress.ts';
import { collectReport } from '../report/collect.ts';
import { loginSteps } from '../report/collect-logins.ts';
import type { ReportData } from '../report/data.ts';
import { page } from '../report/page.ts';
import { findStage, type Stage } from '../stage.ts';
import { Cancelled } from '../user-error.ts';

interface Options extends CommonOptions {
  out: string;
}

const description = `Writes a report as one HTML page that needs no network and holds no plaintext: logins,
shared tokens, rejected messages, reveals, the audit, and what the masked data gives away. Only you can
read the file. Logs in as vault_analyst and vault_auditor, and counts the dead-letter messages; what you
may not read of the audit and the queues is left out.`;

export function define(command: Command): void {
  describe(command, description, 'npx pii-vault report --stage prod --out report.html', [
    'stage',
    'database',
  ])
    .requiredOption('--out <file>', 'a new file for the page, that only you may read')
    .action(action(run));
}

async function run(options: Options, { signal, ifCancelled }: Context): Promise<Outcome> {
  ifCancelled(() => 'No report was written, and nothing was changed.');
  await refuseExisting(options.out);
  const stage = await findStage(options.stage);
  const data = await collectShown(stage, options, signal);
  if (signal.aborted) throw new Cancelled();
  await writePrivateFile(options.out, page(data));
  const { logins, audit, queue } = data;
  const problems = [
    ...('problem' in audit ? [`The audit is left out: ${audit.problem}`] : []),
    ...('problem' in queue ? [`The queues are left out: ${queue.problem}`] : []),
  ];
  const report = { stage: stage.name, file: options.out, ...logins.overview };
  return { exitCode: 0, text: `The report is in ${options.out}.`, problems, report };
}

async function collectShown(
  stage: Stage,
  options: Options,
  signal: AbortSignal,
): Promise<ReportData> {
  const progress = showProgress('Reading logins', loginSteps, process.stderr, Date.now, 'steps');
  let done = 0;
  const step = () => {
    progress.update((done += 1));
    if (done === loginSteps) progress.end();
  };
  return collectReport(stage, options, signal, step).finally(progress.end);
}
