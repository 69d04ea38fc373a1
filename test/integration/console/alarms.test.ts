import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readAlarms } from '../../../console/alarms.ts';
import { type AwsServer, startAwsServer } from '../../helpers/aws-server.ts';

let aws: AwsServer;
beforeEach(async () => {
  aws = await startAwsServer();
});
afterEach(() => aws.close());

const read = () =>
  readAlarms(
    {
      endpoint: new URL(aws.url('login')).origin,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    },
    'staging',
  );

function alarm(name: string, state: string): Record<string, unknown> {
  return {
    AlarmName: `pii-vault-staging-${name}`,
    AlarmDescription: `about ${name}`,
    StateValue: state,
    StateUpdatedTimestamp: Date.UTC(2026, 0, 31, 12) / 1000,
  };
}

describe('readAlarms', () => {
  it('lists the alarms of the stage, those that ring first', async () => {
    aws.alarms = [alarm('a', 'OK'), alarm('b', 'INSUFFICIENT_DATA'), alarm('c', 'ALARM')];
    const found = await read();
    expect(found.map(({ state }) => state)).toEqual(['ALARM', 'INSUFFICIENT_DATA', 'OK']);
    expect(found[0]).toEqual({
      name: 'pii-vault-staging-c',
      state: 'ALARM',
      description: 'about c',
      since: '2026-01-31 12:00',
    });
  });

  it('says that they may not be read', async () => {
    aws.before = () => {
      throw new Error('denied');
    };
    await expect(read()).rejects.toThrow(/^The alarms: access denied/);
  });
});
