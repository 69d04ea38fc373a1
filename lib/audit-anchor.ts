import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

import type { ChainPosition } from './audit-chain.ts';

const retentionDays = 400;
const dayMs = 24 * 60 * 60 * 1000;

/** Where heads of the audit chain are kept under Object Lock. */
export interface AnchorPlace {
  bucket: string;
  prefix: string;
}

/** A client for this region; `AWS_ENDPOINT_URL` is the SDK's own setting and is honoured. */
export function createS3Client(): S3Client {
  return new S3Client({ maxAttempts: 3 });
}

/**
 * Writes a head of the chain as an object that nobody can change or delete for 400 days, its
 * writer and the account's root included (Object Lock, compliance mode).
 */
export async function anchorHead(
  client: S3Client,
  { bucket, prefix }: AnchorPlace,
  head: ChainPosition,
): Promise<void> {
  const hash = Buffer.from(head.hash).toString('hex');
  await client.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: `${prefix}/${String(head.id).padStart(12, '0')}.json`,
      Body: JSON.stringify({ id: head.id, hash }),
      ContentType: 'application/json',
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: new Date(Date.now() + retentionDays * dayMs),
      ChecksumAlgorithm: 'SHA256',
    }),
  );
}
