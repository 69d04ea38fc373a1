import { InvalidUrl } from './errors.ts';

/** A function's URL as it is called, and the region that its requests are signed for. */
export interface FunctionUrl {
  url: URL;
  region: string;
}

const host = /^(?<id>[a-z0-9]+)\.lambda-url\.(?<region>[a-z0-9-]+)\./;
const emulatorPath = /^\/_aws\/lambda-url\/[a-z0-9]+\/$/;
// emulators take any; this one is that of npm start
const emulatorRegion = 'us-east-1';
const thisMachine = /^(localhost|127\.0\.0\.1|\[::1\]|.+\.localhost\.localstack\.cloud)$/;

/**
 * Reads a function's URL as the stack's outputs have it, `https://ID.lambda-url.REGION.on.aws/`.
 * With `endpoint` (an emulator's AWS_ENDPOINT_URL) the same function is called there. A URL of an
 * emulator on this machine, `http://127.0.0.1:PORT/_aws/lambda-url/ID/`, is called as it is. Throws
 * `InvalidUrl`; plain HTTP is accepted only on this machine.
 */
export function readFunctionUrl(text: string, endpoint?: string): FunctionUrl {
  const given = parse(text);
  if (thisMachine.test(given.hostname) && emulatorPath.test(given.pathname)) {
    return { url: given, region: emulatorRegion };
  }
  const { id, region } = host.exec(given.hostname)?.groups ?? {};
  if (id === undefined || region === undefined) {
    throw new InvalidUrl('the URL is not one of a Lambda function: see the outputs of the stack');
  }
  const url = endpoint === undefined ? given : new URL(`/_aws/lambda-url/${id}/`, parse(endpoint));
  if (url.protocol !== 'https:' && !thisMachine.test(url.hostname)) {
    throw new InvalidUrl('the URL must begin with https://');
  }
  return { url, region };
}

function parse(text: string): URL {
  if (!URL.canParse(text)) throw new InvalidUrl('the URL is not a valid URL');
  return new URL(text);
}
