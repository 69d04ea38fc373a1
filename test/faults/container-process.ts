import type { SQSRecord } from 'aws-lambda';

import type { DatabaseConfig } from '../../lib/config.ts';
import { KeyServiceError, VaultError } from '../../lib/errors.ts';
import { openHandler, type Handler, type ContainerHost } from './container.ts';

/** What the process is told. */
export type Order =
  | { do: 'open'; place: DatabaseConfig }
  | { do: 'handle'; id: number; records: SQSRecord[]; clock: number }
  | { do: 'go on'; id: number; answer: unknown }
  | { do: 'fail'; id: number; exception: string | null };

/** What the process says: it asks its host for something, or a call has ended. */
export type Said =
  | { ask: keyof ContainerHost; id: number; with: unknown }
  | { done: number; response: unknown }
  | { threw: number; error: string };

// One container in a process of its own: all but Postgres lies in the process that started it.
let handler: Handler | null = null;
let asked = 0;
const waiting = new Map<number, { go: (answer: never) => void; fail: (error: Error) => void }>();

const say = (said: Said): void => void process.send?.(said);

function ask<T>(what: keyof ContainerHost, argument?: unknown): Promise<T> {
  asked += 1;
  const id = asked;
  return new Promise<T>((go, fail) => {
    waiting.set(id, { go, fail });
    say({ ask: what, id, with: argument });
  });
}

const host: ContainerHost = {
  tokenRoot: (generation) => ask('tokenRoot', generation),
  generateDataKey: (dataKeyId) => ask('generateDataKey', dataKeyId),
  sendToDeadLetters: (messages) => ask('sendToDeadLetters', messages),
  reaches: (point) => ask('reaches', point),
  failed: (error) => say({ ask: 'failed', id: 0, with: nameOf(error) }),
  counted: (counts) => say({ ask: 'counted', id: 0, with: counts }),
  met: (fault) => say({ ask: 'met', id: 0, with: fault }),
};

function nameOf(error: unknown): string {
  return error instanceof VaultError ? error.message : 'a foreign error';
}

process.on('message', (order: Order) => {
  switch (order.do) {
    case 'open':
      handler = openHandler(order.place, host);
      return;
    case 'handle':
      handler!.handle(order.records, order.clock).then(
        (response) => say({ done: order.id, response }),
        (error: unknown) => say({ threw: order.id, error: nameOf(error) }),
      );
      return;
    case 'go on':
      waiting.get(order.id)?.go(order.answer as never);
      waiting.delete(order.id);
      return;
    case 'fail':
      waiting.get(order.id)?.fail(new KeyServiceError(order.exception));
      waiting.delete(order.id);
  }
});
// nobody is left to answer
process.on('disconnect', () => process.exit());
