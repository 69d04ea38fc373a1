// Refuses a stage whose parameters cannot work, in words that say what to set.
const needed = ['databaseHost', 'databaseResourceId', 'subnetIds', 'securityGroupIds'];

module.exports = async ({ options, resolveVariable }) => {
  const stage = options.stage ?? 'local';
  const param = (name) => resolveVariable(`param:${name}`);
  const faults = [];

  if ((await param('platform')) === 'aws') {
    for (const name of needed) if ((await param(name)) === '') faults.push(`${name} is not set`);
  }
  if ((await param('visibilityTimeout')) < 6 * (await param('ingestTimeout'))) {
    faults.push('visibilityTimeout is less than six times ingestTimeout');
  }
  if ((await param('ingestBatchSize')) > 10 && (await param('ingestBatchingWindow')) < 1) {
    faults.push('ingestBatchingWindow is 0, which AWS allows only up to an ingestBatchSize of 10');
  }
  for (const name of ['tracing', 'trail']) {
    if (!['on', 'off'].includes(await param(name))) faults.push(`${name} is neither on nor off`);
  }
  const reserved = await param('ingestReservedConcurrency, null');
  if (reserved !== null && Number(reserved) < (await param('ingestMaximumConcurrency'))) {
    faults.push('ingestReservedConcurrency is less than ingestMaximumConcurrency');
  }
  if (faults.length === 0) return 'passed';

  const error = new Error(`stage ${stage}: ${faults.join('; ')}`);
  error.stack = `${error.message}. A file such as stages/prod.example.yml or --param="name=value" sets it.`;
  throw error;
};
