import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Parameters {
  rules: Record<string, (value: unknown) => string | null>;
  problemOfName: (name: string) => string | null;
}

const { rules, problemOfName } = createRequire(import.meta.url)(
  '../../../stages/parameters.cjs',
) as Parameters;

const yaml = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const defaults = parse(yaml('stages/default.yml')) as Record<string, unknown>;
const example = parse(yaml('stages/prod.example.yml')) as Record<string, unknown>;

describe('the rules of a stage’s parameters', () => {
  it('are there for every parameter that there is, and for no other', () => {
    const withoutDefault = [...yaml('stages/default.yml').matchAll(/^# (\w+):$/gmu)];
    const names = [...Object.keys(defaults), ...withoutDefault.map(([, name = '']) => name)];
    expect(Object.keys(rules).toSorted()).toEqual(names.toSorted());
  });

  it.each(Object.entries({ ...defaults, ...example }))('allow %s: %s', (name, value) => {
    expect(rules[name]!(value)).toBeNull();
  });

  it.each([
    ['visibilityTimeout', 'ten', 'is not a whole number from 1 to 43200'],
    ['maxReceiveCount', 1001, 'is not a whole number from 1 to 1000'],
    ['maxReceiveCount', '1e3', 'is not a whole number from 1 to 1000'],
    ['ingestMaximumConcurrency', 1, 'is not a whole number from 2 to 1000'],
    ['ingestBatchingWindow', -1, 'is not a whole number from 0 to 300'],
    ['memorySize', 512.5, 'is not a whole number from 128 to 10240'],
    ['revealCapPerHour', 3_000_000_000, 'is not a whole number from 1 to 2147483647'],
    ['alarmMaintainHours', 169, 'is not a whole number from 1 to 168'],
    ['logRetentionInDays', 91, 'is not one that CloudWatch has'],
    ['logLevel', 'info', 'is not one of TRACE, DEBUG, INFO'],
    // YAML reads an unquoted off as a text, and true as no text
    ['tracing', true, 'is neither on nor off'],
    ['deletionPolicy', 'Keep', 'is not one of Retain, Delete'],
    ['maintainSchedule', 'daily', 'is not rate(…) or cron(…)'],
    ['subnetIds', 'subnet-1;subnet-2', 'is not a list of subnets'],
    ['databaseResourceId', 'vault', 'is not the id of a proxy'],
    ['auditBucket', 'Audit_Bucket', 'neither empty nor the name of a bucket'],
    ['revealApprovalAbove', 'many', 'neither empty nor a whole number from 0'],
    ['sealedRetentionInDays', '0', 'neither empty nor a whole number from 1'],
    ['networkTokens', 'yes', 'neither on nor off'],
  ])('refuse %s: %s', (name, value, problem) => {
    expect(rules[name]!(value)).toContain(problem);
  });

  it.each([
    ['visibilityTimout', 'visibilityTimeout'],
    ['alarmQueueAge', 'alarmQueueAgeInSeconds'],
    ['QuotaPerHour', null],
    ['revealquotaperhour', 'revealQuotaPerHour'],
    ['receiveCount', 'maxReceiveCount'],
    ['colour', null],
  ])('call %s unknown, and propose %s', (name, proposed) => {
    const said = problemOfName(name);
    if (proposed === null) expect(said).toMatch(/ is not a parameter($|: is it )/);
    else expect(said).toBe(`${name} is not a parameter: is it ${proposed}?`);
  });

  it('know their own names', () => {
    for (const name of Object.keys(rules)) expect(problemOfName(name)).toBeNull();
  });
});
