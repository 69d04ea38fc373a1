// oxlint-disable-next-line no-restricted-imports -- the cold starts of the functions are compared with this client
import { KMSClient } from '@aws-sdk/client-kms';
import { Pool } from 'pg';

// What every function of this kind loads, whatever it does: the cold start of the others is compared with it.
const kms = new KMSClient({});
const pool = new Pool({ max: 1 });

export const handler = async (): Promise<string> =>
  `${kms.config.serviceId} and a pool of ${pool.totalCount}`;
