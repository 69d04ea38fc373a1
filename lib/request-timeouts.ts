/**
 * How long a function waits for AWS, in milliseconds, as the SDK's clients take it. The SDK itself waits for as long as
 * the socket does, which is longer than a function may run.
 */
export const requestTimeouts = {
  connectionTimeout: 1_500,
  requestTimeout: 3_000,
  throwOnRequestTimeout: true,
};
