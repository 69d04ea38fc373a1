// Refuses a stage whose parameters cannot work, and says what to set.
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { parse } = require('yaml');

const { problemOfName, rules } = require('./parameters.cjs');

const needed = ['databaseHost', 'databaseResourceId', 'subnetIds', 'securityGroupIds'];
const daySeconds = 86_400;

module.exports = async ({ options, resolveConfigurationProperty, resolveVariable }) => {
  const stage = await resolveConfigurationProperty(['provider', 'stage']);
  const file = join(__dirname, `${stage}.yml`);
  if (!existsSync(file)) {
    throw plain(`there is no stages/${stage}.yml: copy stages/prod.example.yml`);
  }
  if (stage === 'local') {
    const fault = await resolveVariable('file(stages/local.cjs):fault');
    if (fault !== '') throw plain(`${fault}. For an emulator of your own, set AWS_ENDPOINT_URL`);
  }
  const values = {};
  for (const name of Object.keys(rules)) {
    values[name] = await resolveVariable(`param:${name}, null`);
  }
  const region = await resolveConfigurationProperty(['provider', 'region']);
  const faults = [
    ...namesThatAreSet(file, options).map(problemOfName),
    ...Object.entries(rules).map(([name, rule]) => {
      // those without a default may be left out
      const problem = values[name] === null ? null : rule(values[name]);
      return problem && `${name} ${problem}`;
    }),
    ...faultsTogether(values, region),
  ].filter((fault) => fault !== null);
  if (faults.length === 0) return 'passed';

  throw plain(
    `the stage ${stage} cannot be used:\n` +
      faults.map((fault) => `  - ${fault}\n`).join('') +
      `Correct it in stages/${stage}.yml, or with --param="name=value".`,
  );
};

/** The names in the stage's own file and in `--param`. */
function namesThatAreSet(file, options) {
  const inFile = Object.keys(parse(readFileSync(file, 'utf8')) ?? {});
  const typed = [options.param ?? []].flat().map((each) => each.split('=')[0].trim());
  return [...new Set([...inFile, ...typed])];
}

/** What is wrong with values that may be used, but not with one another or not here. */
function faultsTogether(values, region) {
  const at = (name) => Number(values[name]);
  const faults = [];
  if (values.platform === 'aws') {
    for (const name of needed) if (values[name] === '') faults.push(`${name} is not set`);
    if (at('maxReceiveCount') * at('visibilityTimeout') < daySeconds) {
      faults.push(
        'maxReceiveCount times visibilityTimeout is less than a day: messages would not outlast a day without a database',
      );
    }
  }
  if (at('visibilityTimeout') < 6 * at('ingestTimeout')) {
    faults.push('visibilityTimeout is less than six times ingestTimeout');
  }
  if (at('ingestBatchSize') > 10 && at('ingestBatchingWindow') < 1) {
    faults.push('ingestBatchingWindow is 0, which AWS allows only up to an ingestBatchSize of 10');
  }
  const key = new RegExp(`^arn:[\\w-]+:kms:${region}:\\d{12}:key/[\\w-]+$`);
  for (const arn of `${values.dataKeyArn},${values.formerDataKeyArns}`.split(',')) {
    if (arn.trim() !== '' && !key.test(arn.trim())) {
      faults.push(`${arn.trim()} is not a KMS key ARN in ${region} (aliases are not accepted)`);
    }
  }
  for (const name of ['reveal', 'tokenize', 'erase']) {
    const [quota, cap] = [`${name}QuotaPerHour`, `${name}CapPerHour`];
    if (at(cap) < at(quota)) faults.push(`${cap} is less than ${quota}`);
  }
  const reserved = values.ingestReservedConcurrency;
  if (reserved !== null && Number(reserved) < at('ingestMaximumConcurrency')) {
    faults.push('ingestReservedConcurrency is less than ingestMaximumConcurrency');
  }
  return faults;
}

/** An error of which `sls` shows only the message, below its own words: `sls` prints the stack. */
function plain(message) {
  return Object.assign(new Error(message), { stack: `\n\n${capitalized(message)}\n` });
}

function capitalized(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
