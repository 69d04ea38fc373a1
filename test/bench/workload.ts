import type { SQSRecord } from 'aws-lambda';

import { perField, piiFields } from '../../lib/pii-fields.ts';
import { loginMessage, sqsRecord } from '../helpers/builders.ts';

/** How many personal values a message of these has. */
export const valuesPerMessage = piiFields.length;

/** A batch to make. Two of the same plan bring the same values, in messages of their own. */
export interface BatchPlan {
  /** Messages; each brings a value of each kind. */
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
  return Math.round(valuesPerMessage * size * newShare);
}

/** SQS records as Lambda hands them over. Every value of the held ones is as likely as another. */
export function makeBatch(plan: BatchPlan): SQSRecord[] {
  const total = newValues(plan);
  let fresh = 0;
  const next = (slot: number): number => {
    if (Math.floor(((slot + 1) * total) / (valuesPerMessage * plan.size)) > fresh) {
      fresh += 1;
      return plan.firstNew + fresh - 1;
    }
    return Math.floor(Math.random() * plan.held);
  };
  return Array.from({ length: plan.size }, (_, index) =>
    record((field) => next(valuesPerMessage * index + field)),
  );
}

/** Batches that bring the values 0 to `held` − 1 of each kind into an empty vault. */
export function* seedBatches(held: number, size = 1000): Generator<SQSRecord[]> {
  for (let first = 0; first < held; first += size) {
    yield Array.from({ length: Math.min(size, held - first) }, (_, index) =>
      record(() => first + index),
    );
  }
}

/** A message with a value of each kind; `numberOf` says which, given the place of the field in `piiFields`. */
function record(numberOf: (place: number) => number): SQSRecord {
  const values = perField(
    ({ messageField }) => messageField,
    (field) => field.example(numberOf(piiFields.indexOf(field))),
  );
  return sqsRecord(loginMessage(values));
}
