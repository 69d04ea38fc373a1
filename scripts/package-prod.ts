import { join } from 'node:path';

import { run } from './local/command.ts';
import { UserError } from '../cli/user-error.ts';
import { databaseTemplate, everyOption, exampleParameters, packageStage } from './local/package.ts';
import { pythonWith } from './local/python.ts';
import { readOptions, showUserError } from './local/usage.ts';
import { readSettings } from './local/settings.ts';

// sls names a role in DependsOn as well as in Role, and parameters make some conditions constant
const expectedWarnings = ['W3005', 'W8003'];

const usage = `npm run package:prod

Packages the stage prod with the parameters of stages/prod.example.yml into .local/package, and
checks this template and all others with cfn-lint, which needs Python. It reaches no AWS account.`;

/**
 * `npm run package:prod`: packages the stage prod with the example's parameters, and checks its
 * template and all others: prod's with every option on, prod's without direct reveal, the local
 * stage's, and the database's.
 */
async function packageProd(): Promise<void> {
  readOptions(usage, {});
  const settings = readSettings();
  const output = join(settings.cache, 'package');
  const example = await exampleParameters(settings);
  const variants = [
    { name: 'prod', stage: 'prod', parameters: example },
    { name: 'prod-every-option', stage: 'prod', parameters: { ...example, ...everyOption } },
    {
      name: 'prod-no-direct-reveal',
      stage: 'prod',
      parameters: { ...example, directReveal: "'off'" },
    },
    { name: 'local', stage: 'local', parameters: null },
  ];
  const packaged = await Promise.all(
    variants.map(({ name, stage, parameters }) =>
      packageStage(settings, stage, parameters, join(output, name)),
    ),
  );
  const templates = [...packaged, databaseTemplate(settings)];
  console.log(`Packaged into ${join(output, 'prod')}`);

  const python = await pythonWith('cfn-lint', settings);
  const main = 'import sys; from cfnlint.runner import main; sys.exit(main())';
  const linted = await run(python, [
    '-c',
    main,
    '--ignore-checks',
    ...expectedWarnings,
    '--non-zero-exit-code',
    'warning',
    '--',
    ...templates,
  ]);
  process.stdout.write(linted.stdout + linted.stderr);
  if (linted.code !== 0) throw new UserError('cfn-lint finds fault with a template.');
  console.log(`cfn-lint finds no fault with the ${templates.length} templates.`);
}

await showUserError(packageProd());
