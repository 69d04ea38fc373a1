import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

import { startInPlaceOfAws } from './loopback-server.ts';

/** An object as it was put, or the marker that hides it. */
interface Version {
  key: string;
  body: string;
  headers: IncomingMessage['headers'];
  isDeletion: boolean;
}

/** One bucket that keeps versions, as one with Object Lock does. */
export interface S3Double {
  /** In the order in which they came. */
  versions: Version[];
  /** How many versions a page of a listing holds. */
  pageSize: number;
  /** What S3 answers instead, such as `AccessDenied`; null hangs up; undefined is no fault. */
  fault: string | null | undefined;
  close: () => Promise<void>;
}

/** An HTTP server in the place of S3, and the environment that sends the SDK's client there. */
export async function startS3Double(): Promise<S3Double> {
  const { close } = await startInPlaceOfAws(async (request, response) => {
    const body = await text(request);
    const url = new URL(request.url!, 'http://s3');
    if (double.fault === null) {
      request.socket.destroy();
    } else if (double.fault !== undefined) {
      response.writeHead(403).end(`<Error><Code>${double.fault}</Code></Error>`);
    } else if (url.searchParams.has('versions')) {
      response.end(list(double, url.searchParams));
    } else {
      const key = url.pathname.split('/').slice(2).join('/');
      const isDeletion = request.method === 'DELETE';
      double.versions.push({ key, body, headers: request.headers, isDeletion });
      response.writeHead(isDeletion ? 204 : 200).end();
    }
  });
  const double: S3Double = {
    versions: [],
    pageSize: 1_000,
    fault: undefined,
    close,
  };
  return double;
}

// S3 lists by key, and of one key the newest first; a marker is the last of the page before
function list({ versions, pageSize }: S3Double, query: URLSearchParams): string {
  const listed = versions
    .map((version, index) => ({ ...version, id: String(index) }))
    .filter(({ key }) => key.startsWith(query.get('prefix') ?? ''))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : Number(b.id) - Number(a.id)));
  const marker = [query.get('key-marker'), query.get('version-id-marker')];
  const start = listed.findIndex(({ key, id }) => key === marker[0] && id === marker[1]) + 1;
  const page = listed.slice(start, start + pageSize);
  const isTruncated = start + pageSize < listed.length;
  const last = page.at(-1);
  const entries = page.map(({ key, id, isDeletion }) => {
    const name = isDeletion ? 'DeleteMarker' : 'Version';
    return `<${name}><Key>${key}</Key><VersionId>${id}</VersionId></${name}>`;
  });
  const next = `<NextKeyMarker>${last?.key}</NextKeyMarker><NextVersionIdMarker>${last?.id}</NextVersionIdMarker>`;
  return `<ListVersionsResult><IsTruncated>${isTruncated}</IsTruncated>${isTruncated ? next : ''}${entries.join('')}</ListVersionsResult>`;
}
