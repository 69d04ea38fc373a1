import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type Anchors, createAnchors, createS3Client } from '../../../lib/audit/anchor.ts';
import type { ChainPosition } from '../../../lib/audit/chain.ts';
import { AuditBucketError } from '../../../lib/errors.ts';
import { type S3Double, startS3Double } from '../../helpers/s3-double.ts';

const place = { bucket: 'audit', prefix: 'pii-vault/prod/audit-heads' };

let s3: S3Double;
let client: S3Client;
let anchors: Anchors;
beforeEach(async () => {
  s3 = await startS3Double();
  client = createS3Client();
  anchors = createAnchors(client, place);
});
afterEach(async () => {
  client.destroy();
  await s3.close();
});

function head(id: number, byte = id): ChainPosition {
  return { id, hash: Buffer.alloc(32, byte) };
}

async function readInOrder(): Promise<ChainPosition[]> {
  return (await anchors.read()).toSorted((a, b) => a.id - b.id || Buffer.compare(a.hash, b.hash));
}

describe('the anchors', () => {
  it('are none in a bucket that holds none', async () => {
    expect(await anchors.read()).toEqual([]);
  });

  it('are kept under compliance lock for 400 days', async () => {
    await anchors.keep(head(7));
    const hash = '07'.repeat(32);
    const [version] = s3.versions;
    expect(version).toMatchObject({
      key: `pii-vault/prod/audit-heads/000000000007-${hash}.json`,
      headers: { 'x-amz-object-lock-mode': 'COMPLIANCE' },
    });
    expect(version!.body).toContain(JSON.stringify({ id: 7, hash }));
    const until = Date.parse(String(version!.headers['x-amz-object-lock-retain-until-date']));
    expect((until - Date.now()) / 86_400_000).toBeCloseTo(400, 1);
  });

  it('are read back, all pages of them, each once', async () => {
    s3.pageSize = 2;
    const heads = [head(1), head(2), head(1_000), head(12_345_678)];
    for (const each of [...heads, heads[1]!, heads[1]!]) await anchors.keep(each);
    expect(await readInOrder()).toEqual(heads);
  });

  it('are read back though another was put in their place or they were deleted', async () => {
    await anchors.keep(head(1));
    await anchors.keep(head(1, 99));
    await client.send(new DeleteObjectCommand({ Bucket: place.bucket, Key: s3.versions[0]!.key }));
    expect(s3.versions.at(-1)).toMatchObject({ isDeletion: true });
    expect(await readInOrder()).toEqual([head(1), head(1, 99)]);
  });

  it("are this stage's own, and nothing else that lies there", async () => {
    const other = createAnchors(client, { ...place, prefix: 'pii-vault/test/audit-heads' });
    await other.keep(head(1));
    await anchors.keep(head(2));
    s3.versions.push({ ...s3.versions[0]!, key: `${place.prefix}/notes.txt` });
    expect(await anchors.read()).toEqual([head(2)]);
  });

  it.each([
    ['AccessDenied', new AuditBucketError('AccessDenied')],
    [null, new AuditBucketError(null)],
  ])('tell what S3 answered, %s, and nothing else', async (fault, error) => {
    s3.fault = fault;
    await expect(anchors.read()).rejects.toEqual(error);
    await expect(anchors.keep(head(1))).rejects.toEqual(error);
  });
});
