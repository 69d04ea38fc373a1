import { join } from 'node:path';

import { run } from './local/command.ts';
import { Fault } from './local/fault.ts';
import { exampleParameters, packageStage } from './local/package.ts';
import { pythonWith } from './local/python.ts';
import { readSettings } from './local/settings.ts';

// sls names a role in DependsOn as well as in Role, and parameters make some conditions constant
const expectedWarnings = ['W3005', 'W8003'];

/** `npm run package:prod`: packages the stage prod with the example's parameters, and checks it. */
async function packageProd(): Promise<void> {
  const settings = readSettings();
  const output = join(settings.cache, 'package', 'prod');
  const parameters = await exampleParameters(settings);
  const template = await packageStage(settings, 'prod', parameters, output);
  console.log(`Packaged into ${output}`);

  const python = await pythonWith('cfn-lint', settings);
  const main = 'import sys; from cfnlint.runner import main; sys.exit(main())';
  const linted = await run(python, [
    '-c',
    main,
    '--ignore-checks',
    ...expectedWarnings,
    '--non-zero-exit-code',
    'error',
    '--',
    template,
  ]);
  process.stdout.write(linted.stdout + linted.stderr);
  if (linted.code !== 0) throw new Fault('cfn-lint found errors in the template.');
  console.log('cfn-lint finds no error in its template.');
}

try {
  await packageProd();
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
