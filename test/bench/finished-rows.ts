import type { SQSRecord } from 'aws-lambda';

import type { DataKey } from '../../lib/crypto/data-key.ts';
import type { IngestDeps } from '../../lib/ingest/deps.ts';
import { ingest } from '../../lib/ingest/ingest.ts';
import type { MaskedBatch, MaskedLogin, SealedValue } from '../../lib/ingest/mask.ts';

/** What `ingest` would write for a batch: everything but the writing is done. */
export interface FinishedRows {
  logins: MaskedLogin[];
  /** Of all personal values, whether the vault holds them or not. Sorted, so that two writers do not deadlock. */
  values: SealedValue[];
  dataKey: Omit<DataKey, 'key'>;
}

/** The rows of a batch as `ingest` makes them, taken from it where it would write them. */
export async function finishedRows(
  records: readonly SQSRecord[],
  deps: IngestDeps,
): Promise<FinishedRows> {
  const written: MaskedBatch[] = [];
  await ingest(records, {
    ...deps,
    held: { has: () => false, add: () => undefined, forget: () => undefined },
    write: async (batch) => {
      written.push(batch);
      return { stored: batch.logins.length, sealed: 0 };
    },
  });
  const [dataKey] = written.flatMap((slice) => slice.dataKey ?? []);
  if (dataKey === undefined) throw new Error('the batch has no values');
  const logins = written.flatMap((slice) => slice.logins);
  // a value that two slices share is written once by whoever writes the batch at once
  const values = new Map(
    written.flatMap((slice) => slice.sealed).map((each) => [each.token, each]),
  );
  return {
    logins: logins.toSorted((a, b) => (a.messageId < b.messageId ? -1 : 1)),
    values: [...values.values()].toSorted((a, b) => (a.token < b.token ? -1 : 1)),
    dataKey,
  };
}
