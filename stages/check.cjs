// Refuses a stage whose parameters cannot work, and says what to set.
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const needed = ['databaseHost', 'databaseResourceId', 'subnetIds', 'securityGroupIds'];

module.exports = async ({ resolveConfigurationProperty, resolveVariable }) => {
  const stage = await resolveConfigurationProperty(['provider', 'stage']);
  if (!existsSync(join(__dirname, `${stage}.yml`))) {
    throw plain(`there is no stages/${stage}.yml: copy stages/prod.example.yml`);
  }
  if (stage === 'local') {
    const fault = await resolveVariable('file(stages/local.cjs):fault');
    if (fault !== '') throw plain(`${fault}. For an emulator of your own, set AWS_ENDPOINT_URL`);
  }
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
  if ((await param('alarmMaintainHours')) > 168) {
    faults.push('alarmMaintainHours is more than 168, and CloudWatch looks back no further');
  }
  const region = await resolveConfigurationProperty(['provider', 'region']);
  const key = new RegExp(`^arn:[\\w-]+:kms:${region}:\\d{12}:key/[\\w-]+$`);
  const keys = `${await param('dataKeyArn')},${await param('formerDataKeyArns')}`.split(',');
  for (const arn of keys.map((each) => each.trim())) {
    if (arn !== '' && !key.test(arn))
      faults.push(`${arn} is not a KMS key ARN in ${region} (aliases are not accepted)`);
  }
  for (const name of ['reveal', 'tokenize', 'erase']) {
    const limits = [`${name}QuotaPerHour`, `${name}CapPerHour`];
    const [quota, cap] = await Promise.all(limits.map((limit) => param(limit).then(Number)));
    for (const [index, value] of [quota, cap].entries()) {
      if (!Number.isSafeInteger(value) || value < 1) {
        faults.push(`${limits[index]} is not a whole number of at least 1`);
      }
    }
    if (cap < quota) faults.push(`${limits[1]} is less than ${limits[0]}`);
  }
  const above = String(await param('revealApprovalAbove'));
  if (above !== '' && !/^\d{1,9}$/.test(above)) {
    faults.push('revealApprovalAbove is neither empty nor a whole number');
  }
  for (const name of ['approvalExpiryInHours', 'breakGlassCapPerHour']) {
    const value = Number(await param(name));
    if (!Number.isSafeInteger(value) || value < 1) {
      faults.push(`${name} is not a whole number of at least 1`);
    }
  }
  const generation = Number(await param('tokenGeneration'));
  if (!Number.isSafeInteger(generation) || generation < 1 || generation > 999998) {
    faults.push('tokenGeneration is not a whole number from 1 to 999998');
  }
  for (const name of ['tracing', 'trail', 'directReveal', 'rotation']) {
    if (!['on', 'off'].includes(await param(name))) faults.push(`${name} is neither on nor off`);
  }
  const reserved = await param('ingestReservedConcurrency, null');
  if (reserved !== null && Number(reserved) < (await param('ingestMaximumConcurrency'))) {
    faults.push('ingestReservedConcurrency is less than ingestMaximumConcurrency');
  }
  if (faults.length === 0) return 'passed';

  throw plain(
    `stage ${stage}: ${faults.join('; ')}. stages/${stage}.yml or --param="name=value" sets it.`,
  );
};

/** An error of which `sls` shows only the message: `sls` prints the stack. */
function plain(message) {
  return Object.assign(new Error(message), { stack: message });
}
