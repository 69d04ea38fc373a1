import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';

import { askDatabase } from '../../db/ask-database.ts';
import { createAttempts } from '../../db/attempts.ts';
import { createPool } from '../../db/pool.ts';
import type { MaskedBatch } from '../../lib/ingest/mask.ts';
import { createBatchWriter } from '../../db/write-batch.ts';
import type { DatabaseConfig } from '../../lib/config.ts';
import { createSealingKeys } from '../../lib/crypto/data-key.ts';
import { createHeldTokens } from '../../lib/ingest/held-tokens.ts';
import { ingest } from '../../lib/ingest/ingest.ts';
import { createReadiness } from '../../lib/ingest/readiness.ts';
import type { SealingKeyService } from '../../lib/crypto/kms.ts';
import type { MetricName } from '../../lib/metrics.ts';
import type { OutgoingMessage } from '../../lib/sqs.ts';
import { createTokenizerSource } from '../../lib/crypto/token.ts';
import { startFaultyProxy, type FaultyProxy } from '../helpers/faulty-proxy.ts';
import { hourMs } from '../../lib/time.ts';

/** Where a handler can be held up or killed. */
export type Point = 'before the statement' | 'after the commit' | 'before the answer';

/** What runs a container: it answers as AWS, and watches the container. */
export interface ContainerHost extends SealingKeyService {
  sendToDeadLetters: (messages: OutgoingMessage[]) => Promise<number[]>;
  /** Returns when the handler may go on. */
  reaches: (point: Point) => Promise<void>;
  /** What ingest logs as an error, and what it counts. */
  failed: (error: unknown) => void;
  counted: (counts: Partial<Record<MetricName, number>>) => void;
  /** A fault that the container met by itself. */
  met: (fault: string) => void;
}

/** `ingest` as its function wires it. `clock` is the hours that have passed. */
export interface Handler {
  handle: (records: SQSRecord[], clock: number) => Promise<SQSBatchResponse>;
  end: () => Promise<void>;
}

export function openHandler(place: DatabaseConfig, host: ContainerHost): Handler {
  let hours = 0;
  let asked = 0;
  const pool = createPool(place);
  const write = createBatchWriter(pool);
  const tokenizer = createTokenizerSource(host);
  const keys = createSealingKeys(host, () => Date.now() + hours * hourMs);
  const log = {
    info: () => undefined,
    error: (_event: string, error: unknown) => host.failed(error),
  };
  const deps = {
    readiness: createReadiness(
      [() => askDatabase(pool), tokenizer, () => keys.take(0)],
      log,
      // a batch takes seconds, so an answer is good for one or two of them
      () => (asked += 1) * 2_000,
    ),
    attempts: createAttempts(pool),
    tokenizer,
    keys,
    held: createHeldTokens(),
    writesNetworks: false,
    write: async (batch: MaskedBatch) => {
      await host.reaches('before the statement');
      const written = await write(batch);
      if ('unwritten' in written) host.met('remembered token erased');
      await host.reaches('after the commit');
      return written;
    },
    sendToDeadLetters: (messages: OutgoingMessage[]) => host.sendToDeadLetters(messages),
    log,
    metrics: {
      publish: (counts: Partial<Record<MetricName, number>>) => host.counted(counts),
      publishRejected: () => undefined,
    },
  };
  return {
    handle: async (records, clock) => {
      hours = clock;
      const response = await ingest(records, deps);
      await host.reaches('before the answer');
      return response;
    },
    end: () => pool.end(),
  };
}

/** A handler behind a proxy of its own, in this process or in one that can be killed. */
export interface Container extends Pick<Handler, 'handle'> {
  name: string;
  proxy: FaultyProxy;
  /** Ends it where it is. A call under way never returns. */
  kill: () => void;
  end: () => Promise<void>;
}

/** A container in this process: killed, it stays without connection, and its calls are ignored. */
export async function startContainer(
  name: string,
  place: DatabaseConfig,
  host: ContainerHost,
): Promise<Container> {
  const proxy = await startFaultyProxy(place.port);
  const handler = openHandler({ ...place, port: proxy.port }, host);
  let ended: Promise<void> | null = null;
  const end = () => (ended ??= Promise.all([proxy.close(), handler.end()]).then(() => undefined));
  return { name, proxy, handle: handler.handle, kill: () => void end(), end };
}
