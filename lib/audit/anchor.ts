import {
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';

import { type ChainPosition, decodePosition, encodePosition } from './chain.ts';
import { AuditBucketError } from '../errors.ts';
import { dayMs } from '../time.ts';

const retentionDays = 400;

/** Where heads of the audit chain are kept under Object Lock. */
export interface AnchorPlace {
  bucket: string;
  prefix: string;
}

/** Heads of the audit chain, kept where nobody can change them. Both throw `AuditBucketError`. */
export interface Anchors {
  /** All that were kept, in no order. */
  read: () => Promise<ChainPosition[]>;
  keep: (head: ChainPosition) => Promise<void>;
}

/** A client for this region; `AWS_ENDPOINT_URL` is the SDK's own setting and is honoured. */
export function createS3Client(): S3Client {
  // a network without a way to S3 must not use up the daily round's time
  const requestHandler = {
    connectionTimeout: 5_000,
    requestTimeout: 30_000,
    throwOnRequestTimeout: true,
  };
  return new S3Client({ maxAttempts: 3, requestHandler });
}

/**
 * Anchors in a bucket with Object Lock: each is an object that nobody can change or delete for 400
 * days, its writer and the account's root included (compliance mode). Its name says all, so that to
 * list is to read; versions are listed, because a deletion hides an object and a name can be reused.
 */
export function createAnchors(client: S3Client, { bucket, prefix }: AnchorPlace): Anchors {
  const place = { Bucket: bucket, Prefix: `${prefix}/` };
  return {
    read: () =>
      answered(async () => {
        const heads = new Map<string, ChainPosition>();
        let from = {};
        for (;;) {
          const page = await client.send(new ListObjectVersionsCommand({ ...place, ...from }));
          for (const { Key = '' } of page.Versions ?? []) {
            const head = parseName(Key.slice(place.Prefix.length));
            if (head !== null) heads.set(Key, head);
          }
          if (page.IsTruncated !== true) return [...heads.values()];
          from = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
        }
      }),
    keep: (head) =>
      answered(async () => {
        const { id, hash } = encodePosition(head);
        await client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: `${place.Prefix}${String(id).padStart(12, '0')}-${hash}.json`,
            Body: JSON.stringify({ id, hash }),
            ContentType: 'application/json',
            ObjectLockMode: 'COMPLIANCE',
            ObjectLockRetainUntilDate: new Date(Date.now() + retentionDays * dayMs),
            ChecksumAlgorithm: 'SHA256',
          }),
        );
      }),
  };
}

function parseName(name: string): ChainPosition | null {
  const [, id, hash] = /^(\d{12,15})-([0-9a-f]{64})\.json$/.exec(name) ?? [];
  if (id === undefined || hash === undefined) return null;
  return decodePosition({ id: Number(id), hash });
}

async function answered<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw new AuditBucketError(error instanceof S3ServiceException ? error.name : null);
  }
}
