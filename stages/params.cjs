// The parameters of this stage: its own file, and stages/default.yml for what that does not set.
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

// `sls` leaves templates and bundles in .serverless/, on this machine with passwords in them.
process.umask(0o077);

module.exports = async ({ resolveConfigurationProperty }) => {
  const stage = await resolveConfigurationProperty(['provider', 'stage']);
  const file = join(__dirname, `${stage}.yml`);
  // if there is none, check.cjs says so; a file with only comments would be an error of `sls`
  const isSetThere = existsSync(file) && /^\w/mu.test(readFileSync(file, 'utf8'));
  return {
    default: '${file(stages/default.yml)}',
    ...(isSetThere && { [stage]: `\${file(stages/${stage}.yml)}` }),
  };
};
