import type { SQSRecord } from 'aws-lambda';

import { loginMessage, sqsRecord } from '../helpers/builders.ts';

/** A batch to make. Two of the same plan bring the same values, in messages of their own. */
export interface BatchPlan {
  /** Messages; each brings two values. */
  size: number;
  /** How much of the values the vault does not hold yet, 0 to 1. */
  newShare: number;
  /** The number of the first new value. */
  firstNew: number;
  /** Values of each kind the vault holds: those with the numbers 0 to `held` − 1. */
  held: number;
}

/** Values that `plan` brings to the vault for the first time. */
export function newValues({ size, newShare }: Pick<BatchPlan, 'size' | 'newShare'>): number {
  return Math.round(2 * size * newShare);
}

/** SQS records as Lambda hands them over. Every value of the held ones is as likely as another. */
export function makeBatch(plan: BatchPlan): SQSRecord[] {
  const total = newValues(plan);
  let fresh = 0;
  const next = (slot: number): number => {
    if (Math.floor(((slot + 1) * total) / (2 * plan.size)) > fresh) {
      fresh += 1;
      return plan.firstNew + fresh - 1;
    }
    return Math.floor(Math.random() * plan.held);
  };
  return Array.from({ length: plan.size }, (_, index) =>
    sqsRecord(
      loginMessage({ ip: ipOf(next(2 * index)), device_id: deviceIdOf(next(2 * index + 1)) }),
    ),
  );
}

/** Batches that bring the values 0 to `held` − 1 of both kinds into an empty vault. */
export function* seedBatches(held: number, size = 1000): Generator<SQSRecord[]> {
  for (let first = 0; first < held; first += size) {
    yield Array.from({ length: Math.min(size, held - first) }, (_, index) =>
      sqsRecord(loginMessage({ ip: ipOf(first + index), device_id: deviceIdOf(first + index) })),
    );
  }
}

// multiplying by an odd number permutes the 32-bit numbers: every n has an address of its own
function ipOf(n: number): string {
  const scrambled = Math.imul(n, 0x9e3779b1);
  return [24, 16, 8, 0].map((shift) => (scrambled >>> shift) & 0xff).join('.');
}

function deviceIdOf(n: number): string {
  return `593-47-${5_363_785 + n}`;
}
