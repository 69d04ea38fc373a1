import { Metrics as PowertoolsMetrics, MetricUnit } from '@aws-lambda-powertools/metrics';

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

/** Metrics in CloudWatch's embedded format, in the function's own log; makes no call to AWS. */
export function createMetrics(stage: string): Metrics {
  const metrics = new PowertoolsMetrics({ namespace, defaultDimensions: { stage } });
  return {
    publish: (counts) => {
      for (const [name, count] of Object.entries(counts)) {
        metrics.addMetric(name, MetricUnit.Count, count);
      }
      metrics.publishStoredMetrics();
    },
    publishRejected: (reason, count) => {
      const single = metrics.singleMetric();
      single.addDimension('reason', reason);
      single.addMetric('rejectedByReason', MetricUnit.Count, count);
    },
  };
}
