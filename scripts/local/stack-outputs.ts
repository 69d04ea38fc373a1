import { readOutputs } from '../../cli/aws.ts';
import { localAws, type Settings } from './settings.ts';

/** The outputs of the local stage's stack, by name. Throws `UserError` where it is not deployed. */
export function stackOutputs({ endpoint }: Settings): Promise<ReadonlyMap<string, string>> {
  return readOutputs('pii-vault-local', { endpoint: endpoint.origin, ...localAws });
}
