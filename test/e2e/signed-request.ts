import { createHash, createHmac } from 'node:crypto';

/** Who signs a request. */
export interface AwsKey {
  accessKeyId: string;
  secretAccessKey: string;
}

/** Sends a POST signed with Signature Version 4 (AWS's reference, "Signing AWS API requests"). */
export async function postSigned(
  key: AwsKey,
  service: string,
  url: URL,
  body: string,
  contentType: string,
): Promise<{ status: number; text: string }> {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = [time.slice(0, 8), 'us-east-1', service, 'aws4_request'];
  const headers = { 'content-type': contentType, host: url.host, 'x-amz-date': time };
  const names = Object.keys(headers).join(';');
  const canonical = [
    'POST',
    url.pathname,
    '',
    ...Object.entries(headers).map(([name, value]) => `${name}:${value}`),
    '',
    names,
    sha256(body),
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical)].join('\n');
  const signingKey = scope.reduce<Buffer | string>(hmac, `AWS4${key.secretAccessKey}`);
  const signature = hmac(signingKey, toSign).toString('hex');
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope.join('/')}, ` +
    `SignedHeaders=${names}, Signature=${signature}`;

  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': contentType, 'x-amz-date': time, authorization },
  });
  return { status: response.status, text: await response.text() };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
