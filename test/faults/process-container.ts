import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { SQSBatchResponse } from 'aws-lambda';

import type { DatabaseConfig } from '../../lib/config.ts';
import { KeyServiceError } from '../../lib/errors.ts';
import { bundle } from '../helpers/bundle.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import type { Order, Said } from './container-process.ts';
import type { Container, ContainerHost } from './container.ts';

/** Starts containers that are processes of their own, and end by SIGKILL. */
export interface ProcessContainers {
  start: (name: string, place: DatabaseConfig, host: ContainerHost) => Promise<Container>;
  /** Removes the program. */
  remove: () => Promise<void>;
}

export async function prepareProcessContainers(): Promise<ProcessContainers> {
  const path = fileURLToPath(new URL('container-process.ts', import.meta.url));
  const { file, remove } = await bundle(path);
  return {
    start: (name, place, host) => startProcess(file, name, place, host),
    remove,
  };
}

async function startProcess(
  file: string,
  name: string,
  place: DatabaseConfig,
  host: ContainerHost,
): Promise<Container> {
  const proxy = await startFaultyProxy(place.port);
  const child = fork(file, { serialization: 'advanced', execArgv: [] });
  const gone = once(child, 'exit');
  const calls = new Map<
    number,
    { done: (response: SQSBatchResponse) => void; threw: (error: Error) => void }
  >();
  const tell = (order: Order) => {
    if (child.connected) child.send(order, () => undefined);
  };
  child.on('error', () => undefined);
  child.on('message', (said: Said) => {
    if ('done' in said) calls.get(said.done)?.done(said.response as SQSBatchResponse);
    else if ('threw' in said) calls.get(said.threw)?.threw(new Error(said.error));
    else void answer(said);
  });
  const answer = async ({ ask, id, with: argument }: Extract<Said, { ask: unknown }>) => {
    try {
      const work = host[ask] as (given: unknown) => unknown;
      tell({ do: 'go on', id, answer: await work(argument) });
    } catch (error) {
      // of all that is asked, only KMS fails with more than a number
      const exception = error instanceof KeyServiceError ? error.exception : null;
      tell({ do: 'fail', id, exception });
    }
  };
  tell({ do: 'open', place: { ...place, port: proxy.port } });

  child.once('exit', () => {
    for (const { threw } of calls.values()) threw(new Error('the container has ended'));
  });

  let started = 0;
  let ended: Promise<void> | null = null;
  const end = () => {
    child.kill('SIGKILL');
    return (ended ??= Promise.all([proxy.close(), gone]).then(() => undefined));
  };
  return {
    name,
    proxy,
    handle: (records, clock) =>
      new Promise((done, threw) => {
        if (!child.connected) threw(new Error('the container has ended'));
        started += 1;
        calls.set(started, { done, threw });
        tell({ do: 'handle', id: started, records, clock });
      }),
    kill: () => void end(),
    end,
  };
}
