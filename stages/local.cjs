// What npm start wrote down about the stack on this machine, for `sls` in any shell.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const reaching = new Set(['deploy', 'info', 'invoke', 'logs', 'metrics', 'remove', 'rollback']);

/** What is up, or null. */
function written() {
  const directory = process.env.VAULT_LOCAL_DIR ?? join(__dirname, '..', '.local');
  try {
    const state = JSON.parse(readFileSync(join(directory, 'stack.json'), 'utf8'));
    return state.isKept ? null : state;
  } catch {
    return null;
  }
}

/** Where an emulator is that npm start knows nothing of. */
function another() {
  const { protocol, hostname, port } = new URL(
    process.env.AWS_ENDPOINT_URL || 'http://127.0.0.1:4566',
  );
  return { emulatorHost: `${protocol}//${hostname}`, emulatorPort: Number(port) };
}

module.exports = ({ options }) => {
  const state = written();
  if ((options.stage ?? 'local') === 'local') {
    // `sls` uses these only for the stage local: nobody's own AWS credentials reach the emulator.
    process.env.AWS_LOCAL_ACCESS_KEY_ID = 'test';
    process.env.AWS_LOCAL_SECRET_ACCESS_KEY = 'test';
    // Asks four times a second how a deployment goes, instead of every five seconds.
    process.env.SLS_AWS_MONITORING_FREQUENCY ??= '250';
  }
  // what answers on the usual port may be somebody else's
  const isLost = state === null && !process.env.AWS_ENDPOINT_URL;
  return {
    fault:
      isLost && process.argv.some((word) => reaching.has(word))
        ? 'there is no local stack: npm start'
        : '',
    ...another(),
    databaseHost: '127.0.0.1',
    databasePort: 15432,
    databasePasswords: {},
    // what pii-vault rotate has changed
    tokenGeneration: 1,
    rotation: 'off',
    ...state,
  };
};
