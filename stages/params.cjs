// The parameters of the stage at hand: stages/default.yml, and over it the stage's own file, whatever the stage's name.
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

// `sls` leaves templates and bundles in .serverless/, on this machine with passwords in them.
process.umask(0o077);

module.exports = async ({ resolveConfigurationProperty }) => {
  const stage = await resolveConfigurationProperty(['provider', 'stage']);
  const file = join(__dirname, `${stage}.yml`);
  // without one, check.cjs says so in plain words; one of comments alone would be an error to `sls`
  const isSetThere = existsSync(file) && /^\w/mu.test(readFileSync(file, 'utf8'));
  return {
    default: '${file(stages/default.yml)}',
    ...(isSetThere && { [stage]: `\${file(stages/${stage}.yml)}` }),
  };
};
