import type { KeyScopeConfig } from './config.ts';
import type { RejectionReason } from './ingest/rejection-reason.ts';

/** The names of the counts; CloudWatch keeps each under the service and the stage. */
export type MetricName =
  | 'received'
  | 'stored'
  | 'duplicates'
  | 'rejected'
  | 'sealed'
  | 'failed'
  | 'unavailable'
  | 'revealed'
  | 'breakGlass'
  | 'denied'
  | 'capped'
  | 'lookedUp'
  | 'erased'
  | 'pruned'
  | 'expired'
  | 'verified';

/** Publishes counts, for CloudWatch's charts and alarms. */
export interface Metrics {
  publish(counts: Partial<Record<MetricName, number>>): void;
  /** Counts rejected messages once more, under the reason. */
  publishRejected(reason: RejectionReason, count: number): void;
}

const namespace = 'PiiVault';

/**
 * Metrics in CloudWatch's embedded format, in the function's own log; makes no call to AWS. Without a scope, nothing is written.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function createMetrics(scope: KeyScopeConfig | null): Metrics {
  if (scope === null) return { publish: () => undefined, publishRejected: () => undefined };
  const { service, stage } = scope;
  return {
    publish: (counts) => write({ service, stage }, counts),
    publishRejected: (reason, count) =>
      write({ service, stage, reason }, { rejectedByReason: count }),
  };
}

function write(dimensions: Record<string, string>, counts: Record<string, number>): void {
  const names = Object.keys(counts);
  if (names.length === 0) return;
  const description = {
    Namespace: namespace,
    Dimensions: [Object.keys(dimensions)],
    Metrics: names.map((Name) => ({ Name, Unit: 'Count' })),
  };
  const line = {
    _aws: { Timestamp: Date.now(), CloudWatchMetrics: [description] },
    ...dimensions,
    ...counts,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
