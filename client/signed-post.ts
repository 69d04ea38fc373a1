import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';

import { NoCredentials, VaultUnreachable } from './errors.ts';

/** An AWS access key, with its session token where it has one. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Who signs, and for which service and region. */
export interface Signing {
  service: string;
  region: string;
  credentials: Credentials | (() => Promise<Credentials>);
}

export interface HttpAnswer {
  status: number;
  text: string;
}

/** What fetch reports when it made no connection. */
const notSent = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Sends a POST signed with Signature Version 4 (AWS IAM User Guide, "AWS Signature Version 4 for
 * API requests"). Throws `NoCredentials` or `VaultUnreachable`; any status is an answer.
 */
export async function signedPost(
  url: URL,
  body: string,
  signing: Signing,
  { contentType = 'application/json', timeoutMs = 30_000 } = {},
): Promise<HttpAnswer> {
  const headers = await signedHeaders(url, body, contentType, signing);
  try {
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers,
      // a signed request goes to the host that it was signed for, and to no other
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const code = codeOf(error);
    throw new VaultUnreachable(code, notSent.has(code));
  }
}

async function signedHeaders(
  url: URL,
  body: string,
  contentType: string,
  { service, region, credentials }: Signing,
): Promise<Record<string, string>> {
  const signer = new SignatureV4({
    service,
    region,
    credentials: await resolve(credentials),
    sha256: Hash.bind(null, 'sha256'),
  });
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { host: url.host, 'content-type': contentType },
    body,
  });
  // fetch sets the same host header itself, and does not accept one
  const { host: _host, ...rest } = headers;
  return rest;
}

async function resolve(credentials: Signing['credentials']): Promise<Credentials> {
  if (typeof credentials !== 'function') return credentials;
  try {
    return await credentials();
  } catch {
    throw new NoCredentials();
  }
}

// never the error's own message: it can hold parts of the request
function codeOf(error: unknown): string {
  if (error instanceof DOMException) return error.name;
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const code: unknown = typeof cause === 'object' && cause && Reflect.get(cause, 'code');
  return typeof code === 'string' && /^[A-Z_]+$/.test(code) ? code : 'network error';
}
