import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createMetrics } from '../../lib/metrics.ts';
import { type CapturedOutput, captureOutput } from '../helpers/output.ts';

const scope = { service: 'pii-vault', stage: 'prod' };
const now = Date.UTC(2026, 0, 31);

let output: CapturedOutput;
beforeEach(() => {
  vi.useFakeTimers({ now });
  output = captureOutput();
});
afterEach(() => {
  output.restore();
  vi.useRealTimers();
});

describe('metrics', () => {
  it('are a line in the embedded metric format, under service and stage', () => {
    createMetrics(scope).publish({ received: 3, failed: 0 });
    expect(output.lines()).toEqual([
      {
        _aws: {
          Timestamp: now,
          CloudWatchMetrics: [
            {
              Namespace: 'PiiVault',
              Dimensions: [['service', 'stage']],
              Metrics: [
                { Name: 'received', Unit: 'Count' },
                { Name: 'failed', Unit: 'Count' },
              ],
            },
          ],
        },
        service: 'pii-vault',
        stage: 'prod',
        received: 3,
        failed: 0,
      },
    ]);
  });

  it('count rejected messages under the reason, too', () => {
    createMetrics(scope).publishRejected('invalid_json', 2);
    expect(output.lines()).toEqual([
      {
        _aws: {
          Timestamp: now,
          CloudWatchMetrics: [
            {
              Namespace: 'PiiVault',
              Dimensions: [['service', 'stage', 'reason']],
              Metrics: [{ Name: 'rejectedByReason', Unit: 'Count' }],
            },
          ],
        },
        service: 'pii-vault',
        stage: 'prod',
        reason: 'invalid_json',
        rejectedByReason: 2,
      },
    ]);
  });

  it('are not written without a count, or without a scope', () => {
    createMetrics(scope).publish({});
    createMetrics(null).publish({ received: 1 });
    createMetrics(null).publishRejected('invalid_json', 1);
    expect(output.text()).toBe('');
  });
});
