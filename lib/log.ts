import { type LogConfig, logConfig, logLevels, traceId } from './config.ts';
import { VaultError, DatabaseError, KeyServiceError } from './errors.ts';

const count = (value: unknown) => (Number.isFinite(value) ? value : undefined);
const matching = (pattern: RegExp) => (value: unknown) =>
  typeof value === 'string' && pattern.test(value) ? value : undefined;
const code = matching(/^[A-Za-z][A-Za-z0-9_]{0,63}$/);
const uuid = matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);

/** Every field that may be logged, and its form; everything else is left out. */
const allowed = {
  received: count,
  stored: count,
  duplicates: count,
  rejected: count,
  sealed: count,
  failed: count,
  tokens: count,
  revealed: count,
  missing: count,
  erased: count,
  held: count,
  ended: count,
  pruned: count,
  expired: count,
  droppedKeys: count,
  verified: count,
  applied: count,
  findings: count,
  reason: matching(/^[a-z_]{1,32}(:[a-z_]{1,32})?$/),
  outcome: code,
  requestId: uuid,
  messageId: uuid,
  auditId: count,
  auditHash: matching(/^[0-9a-f]{64}$/),
  error: code,
  cause: code,
} as const;

export type LogField = keyof typeof allowed;

/** Writes structured lines of counts, codes and ids, and nothing else. */
export interface Log {
  info(event: string, fields?: Partial<Record<LogField, unknown>>): void;
  error(event: string, error: unknown, fields?: Partial<Record<LogField, unknown>>): void;
}

/** A log of the function: one line of JSON for each event, those of errors to standard error. */
export function createLog({ service, level: least }: LogConfig = logConfig()): Log {
  const write = (level: 'INFO' | 'ERROR', message: string, fields: Record<string, unknown>) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(least)) return;
    const timestamp = new Date().toISOString();
    const line = { level, message, timestamp, service, xray_trace_id: traceId(), ...fields };
    // Lambda's own console puts text before the line
    const stream = level === 'ERROR' ? process.stderr : process.stdout;
    stream.write(`${JSON.stringify(line)}\n`);
  };
  return {
    info: (event, fields = {}) => write('INFO', event, allowedOnly(fields)),
    error: (event, error, fields = {}) =>
      write('ERROR', event, allowedOnly({ ...fields, ...describe(error) })),
  };
}

/** Does `work`. If it fails, logs the error under `event` and throws it. */
export async function loggingFailure<T>(
  log: Log,
  event: string,
  fields: Partial<Record<LogField, unknown>>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    log.error(event, error, fields);
    throw error;
  }
}

function allowedOnly(fields: Partial<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(allowed)
      .map(([name, shape]) => [name, shape(fields[name])])
      .filter(([, value]) => value !== undefined),
  );
}

// the message, code and stack of a foreign error can hold a value, so nothing of it is logged
function describe(error: unknown): { error: string; cause?: string | null } {
  if (!(error instanceof VaultError)) return { error: 'UnexpectedError' };
  return { error: error.name, cause: causeOf(error) };
}

function causeOf(error: VaultError): string | null {
  if (error instanceof DatabaseError && error.state !== null)
    return /^[0-9A-Z]{5}$/.test(error.state) ? `sqlstate_${error.state}` : error.state;
  if (error instanceof KeyServiceError) return error.exception;
  if (error.cause instanceof VaultError) return causeOf(error.cause) ?? error.cause.name;
  return null;
}
