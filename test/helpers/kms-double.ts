export { createKmsDouble, type KmsDouble } from '../../scripts/local/kms-double.ts';
