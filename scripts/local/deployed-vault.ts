import { createSqsClient, sendMessages } from '../../lib/sqs.ts';
import { drain, takeBaseline } from './drain.ts';
import { curlCommand, localClient, localUrls } from './local-client.ts';
import { makeIdentities } from './identities.ts';
import { findQueues } from './queues.ts';
import type { RunningVault } from './running-vault.ts';
import { localAws, type Settings } from './settings.ts';
import { invoke } from './sls.ts';

const reason = 'case 4711: account takeover';

/** The vault as `sls` deployed it to an emulator. */
export async function deployedVault(settings: Settings): Promise<RunningVault> {
  const client = createSqsClient({ endpoint: settings.endpoint.origin, ...localAws });
  const queues = await findQueues(client);
  const before = await takeBaseline(client, queues);
  const identities = await makeIdentities(settings);
  const officer = await localClient(settings, identities['privacy-officer']);
  const urls = await localUrls(settings);
  const erase = curlCommand(settings, urls.ERASE_URL, 'privacy-officer');
  let taken = 0;
  return {
    queues,
    urls,
    staysUp: true,
    async send(bodies) {
      const messages = bodies.map((body) => ({ body }));
      const failed = await sendMessages(client, queues.login, messages);
      taken += bodies.length - failed.length;
      return failed;
    },
    drain: (countStored) => drain(client, queues, taken, before, countStored),
    commandFor: (functionName) => `npx sls invoke -f ${functionName} --stage local`,
    nextCommands: (token) => [
      ...(token === null
        ? []
        : [`npx pii-vault reveal ${token} --as investigator --reason '${reason}'`]),
      // an address that belongs to nobody, so it may be an argument
      `echo 192.0.2.2 | npx pii-vault tokenize --kind ip --as analyst --reason '${reason}'`,
      ...(token === null ? [] : [eraseByCommand(token)]),
      ...(urls.APPROVE_URL === undefined ? [] : ['npx pii-vault requests --as approver']),
      'npx pii-vault audit',
      'npx pii-vault verify',
      'npx pii-vault report --out report.html',
      'npx pii-vault console',
    ],
    invoke: (functionName, request) => invoke(settings, functionName, request),
    erase: (tokens, why) => officer.erase(tokens, why),
    eraseCommand: (tokens, why) => `echo '${JSON.stringify({ tokens, reason: why })}' | ${erase}`,
  };
}

function eraseByCommand(token: string): string {
  return `npx pii-vault erase ${token} --as privacy-officer --out erasure.json --reason '${reason}'`;
}
