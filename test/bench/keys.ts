import { createHash } from 'node:crypto';

import { createKmsDouble, type KmsDouble } from '../../scripts/local/kms-double.ts';

/** The KMS double, with a token root that the benchmark's processes share as containers do. */
export function sharedKms(delayMs = 0): KmsDouble {
  const double = createKmsDouble();
  double.delayMs = delayMs;
  return {
    ...double,
    tokenRoot: async () => {
      await double.tokenRoot();
      return createHash('sha256').update('the token root of the benchmark').digest();
    },
  };
}
