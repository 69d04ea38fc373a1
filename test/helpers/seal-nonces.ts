import { createSealingKeys } from '../../lib/crypto/data-key.ts';
import { seal } from '../../lib/crypto/seal.ts';
import { createKmsDouble } from '../../scripts/local/kms-double.ts';

/** A container of its own: seals as many values as the argument says, and prints the nonces' bytes. */
const seals = Number(process.argv[2]);
const { key, id } = await createSealingKeys(createKmsDouble()).take(seals);
const nonces = Buffer.alloc(seals * 12);
for (let n = 0; n < seals; n += 1) {
  const sealed = seal(key, { kind: 'ip', token: 'ip_v1_x', dataKeyId: id }, '198.51.100.7');
  sealed.copy(nonces, n * 12, 0, 12);
}
process.stdout.write(nonces);
