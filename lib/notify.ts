import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';

import type { TopicConfig } from './config.ts';
import type { Log } from './log.ts';

/** What happened to a large reveal, without tokens, reason or person: the topic's readers may be many. */
export interface Notice {
  /** The new state, such as `requested` or `approved`; `break_glass` for a use of that. */
  event: string;
  id: string;
  tokens: number;
}

/** Tells the operators. Never throws: what happened is in the audit, whoever learned of it. */
export type Notify = (notice: Notice) => Promise<void>;

const timeoutMs = 2_000;

/**
 * Publishes notices to an SNS topic, signed with the function's credentials (Amazon SNS API Reference, `Publish`). The
 * SDK's client for SNS would double what the function loads. Without a place, nobody is told.
 */
export function createNotify(topic: TopicConfig | null, log: Log): Notify {
  if (topic === null) return async () => undefined;
  const { topicArn, service, stage } = topic;
  return async (notice) => {
    const message = { service, stage, ...notice };
    const body = new URLSearchParams({
      Action: 'Publish',
      Version: '2010-03-31',
      TopicArn: topicArn,
      Subject: `${service} ${stage}: ${notice.event}`,
      Message: JSON.stringify(message),
    }).toString();
    try {
      const headers = await signedHeaders(topic, body);
      const signal = AbortSignal.timeout(timeoutMs);
      const { status } = await fetch(topic.endpoint, { method: 'POST', body, headers, signal });
      if (status !== 200) throw new Error('refused');
    } catch (error) {
      log.error('notice not sent', error);
    }
  };
}

async function signedHeaders(
  { endpoint, region, credentials }: TopicConfig,
  body: string,
): Promise<Record<string, string>> {
  const url = new URL(endpoint);
  const signer = new SignatureV4({
    service: 'sns',
    region,
    credentials: credentials(),
    sha256: Hash.bind(null, 'sha256'),
  });
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: '/',
    headers: { host: url.host, 'content-type': 'application/x-www-form-urlencoded' },
    body,
  });
  // fetch sets the same host header itself, and does not accept one
  const { host: _host, ...rest } = headers;
  return rest;
}
