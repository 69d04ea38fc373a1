import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetEventSourceMappingCommand,
  LambdaClient,
  type LambdaClientConfig,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';

import { fromAws } from './aws.ts';
import { UserError } from './user-error.ts';

/** The connection of the login queue to ingest. */
export interface IngestSwitch {
  /** Stops new batches, and waits until those under way have ended. Throws `UserError`. */
  pause: () => Promise<void>;
  /** Lets batches begin again. Throws `UserError`. */
  resume: () => Promise<void>;
  close: () => void;
}

const pollMs = 500;
const maxSwitchMs = 180_000;
// longer than the longest batch, unless the stage's ingestTimeout is longer: the swap waits for that one itself
const maxBatchMs = 90_000;

/** The event source mapping of this id. `underWay` tells how many messages are in batches now. */
export function ingestSwitch(
  aws: LambdaClientConfig,
  id: string,
  underWay: () => Promise<number>,
): IngestSwitch {
  const client = new LambdaClient(aws);
  const set = (isEnabled: boolean) =>
    fromAws('The event source mapping of ingest', update(client, id, isEnabled));
  return {
    pause: async () => {
      await set(false);
      const until = Date.now() + maxBatchMs;
      while (Date.now() < until && (await underWay()) > 0) await sleep(pollMs);
    },
    resume: () => set(true),
    close: () => client.destroy(),
  };
}

async function update(client: LambdaClient, UUID: string, isEnabled: boolean): Promise<void> {
  const wanted = isEnabled ? 'Enabled' : 'Disabled';
  const until = Date.now() + maxSwitchMs;
  let isAsked = false;
  while (Date.now() < until) {
    const { State = '' } = await client.send(new GetEventSourceMappingCommand({ UUID }));
    if (State === wanted) return;
    // one that is changing refuses another change
    if (!isAsked && !State.endsWith('ing')) {
      await client.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: isEnabled }));
      isAsked = true;
    } else await sleep(pollMs);
  }
  throw new UserError(`The event source mapping of ingest does not become ${wanted}.`);
}
