// What npm start wrote down about the stack on this machine, for `sls` in any shell.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

function written() {
  const directory = process.env.VAULT_LOCAL_DIR ?? join(__dirname, '..', '.local');
  try {
    return JSON.parse(readFileSync(join(directory, 'stack.json'), 'utf8'));
  } catch {
    return {};
  }
}

module.exports = ({ options }) => {
  if ((options.stage ?? 'local') === 'local') {
    // `sls` takes these for the stage local alone: nobody's own AWS credentials reach the emulator.
    process.env.AWS_LOCAL_ACCESS_KEY_ID = 'test';
    process.env.AWS_LOCAL_SECRET_ACCESS_KEY = 'test';
    // Asks four times a second how a deployment goes, instead of every five seconds.
    process.env.SLS_AWS_MONITORING_FREQUENCY ??= '250';
  }
  return {
    emulatorHost: 'http://127.0.0.1',
    emulatorPort: 4566,
    databaseHost: '127.0.0.1',
    databasePort: 15432,
    databasePassword: 'npm-start-sets-it',
    ...written(),
  };
};
