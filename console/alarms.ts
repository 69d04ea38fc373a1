import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';

import { type AwsConfig, fromAws } from '../cli/aws.ts';
import { service } from '../cli/stage.ts';
import type { Alarm } from './vault.ts';

/** The CloudWatch alarms of the stage, those that ring first. Throws `UserError`. */
export async function readAlarms(aws: AwsConfig, stage: string): Promise<Alarm[]> {
  const client = new CloudWatchClient(aws);
  try {
    const { MetricAlarms = [], CompositeAlarms = [] } = await fromAws(
      'The alarms',
      client.send(
        new DescribeAlarmsCommand({
          AlarmNamePrefix: `${service}-${stage}-`,
          AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
          MaxRecords: 100,
        }),
      ),
    );
    return [...MetricAlarms, ...CompositeAlarms]
      .map((alarm) => ({
        name: alarm.AlarmName ?? '',
        state: alarm.StateValue ?? '',
        description: alarm.AlarmDescription ?? '',
        since: alarm.StateUpdatedTimestamp?.toISOString().slice(0, 16).replace('T', ' ') ?? '–',
      }))
      .toSorted((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
  } finally {
    client.destroy();
  }
}

function rank({ state }: Alarm): number {
  return ['ALARM', 'INSUFFICIENT_DATA'].indexOf(state) + 1 || 3;
}
