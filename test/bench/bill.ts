import { valuesPerMessage } from './workload.ts';
import { type Price, prices, suppositions as s } from './prices.ts';

/** What the benchmark measured of one batch size. */
export interface BatchCost {
  size: number;
  /** Milliseconds from event to answer, and how many of them this process computed. */
  wallMs: number;
  cpuMs: number;
  /** Bytes of write-ahead log. */
  walBytes: number;
}

export interface BillLine {
  what: string;
  dollars: number;
}

/** Messages a batch at this rate: what comes in during the batching window, up to the batch size. */
export function batchSize(millions: number): number {
  const perSecond = (millions * 1_000_000) / (s.hoursAMonth * 3_600);
  return Math.max(1, Math.min(s.maxPerBatch, Math.round(perSecond * s.windowSeconds)));
}

/** KMS calls a month: a data key a container and hour, a token root a container. */
export function kmsCalls(perContainerHour: number, perContainer: number): number {
  const containerHours = s.containers * s.hoursAMonth;
  return containerHours * perContainerHour + (containerHours / s.containerHours) * perContainer;
}

/** The month's bill of the whole stack, line by line. */
export function bill(
  millions: number,
  cost: BatchCost,
  calls: number,
  rowBytes: { value: number; ledger: number; login: number },
): BillLine[] {
  const messages = millions * 1_000_000;
  const batches = messages / cost.size;
  const gbSeconds = lambdaGbSeconds(batches, cost.wallMs, cost.cpuMs, s.memoryMb);
  const perRequest = Math.min(cost.size, s.messagesPerSqsRequest);
  const sqsRequests =
    messages / s.messagesPerSqsRequest + (2 * messages) / perRequest + s.emptyReceivesAMonth;
  const storedBytes =
    messages *
    (rowBytes.login +
      rowBytes.ledger * s.ledgerMonths +
      valuesPerMessage * s.newShare * rowBytes.value);
  const logGb = (batches * s.logBytesPerBatch) / 1e9;
  return [
    { what: 'Lambda requests', dollars: at(prices.lambdaRequest, batches) },
    { what: 'Lambda time', dollars: at(prices.lambdaTime, gbSeconds) },
    { what: 'SQS requests', dollars: at(prices.sqsRequest, sqsRequests) },
    { what: 'KMS requests', dollars: at(prices.kmsRequest, calls) },
    { what: 'KMS keys', dollars: at(prices.kmsKey, s.keys) },
    {
      what: 'Aurora capacity',
      dollars: at(prices.auroraCapacity, s.acu[millions]! * s.hoursAMonth),
    },
    {
      what: 'Aurora I/O',
      dollars: at(prices.auroraIo, batches * Math.ceil(cost.walBytes / s.ioBytes)),
    },
    {
      what: "Aurora storage of a month's rows",
      dollars: at(prices.auroraStorage, storedBytes / 1e9),
    },
    { what: 'Logs taken in', dollars: at(prices.logIngestion, logGb) },
    {
      what: 'Logs kept',
      dollars: at(prices.logStorage, logGb * s.logRetentionMonths * s.logCompression),
    },
    { what: 'Alarms', dollars: at(prices.alarm, s.alarms) },
    { what: 'VPC endpoints', dollars: at(prices.vpcEndpoint, s.vpcEndpoints * s.hoursAMonth) },
  ];
}

/** Lambda's time for batches that take `wallMs`, `cpuMs` of it computing. */
function lambdaGbSeconds(batches: number, wallMs: number, cpuMs: number, memoryMb: number): number {
  // less memory than a vCPU's makes the computing slower, the waiting not
  const billedMs = Math.max(0, wallMs - cpuMs) + cpuMs * Math.max(1, s.vcpuMb / memoryMb);
  return (batches * billedMs * memoryMb) / 1_000 / 1_024;
}

/** What Lambda costs for so many messages in batches of a size, in US dollars. */
export function lambdaDollars(
  messages: number,
  size: number,
  wallMs: number,
  cpuMs: number,
  memoryMb: number,
): number {
  const batches = messages / size;
  const gbSeconds = lambdaGbSeconds(batches, wallMs, cpuMs, memoryMb);
  return at(prices.lambdaRequest, batches) + at(prices.lambdaTime, gbSeconds);
}

export function total(lines: readonly BillLine[]): number {
  return lines.reduce((sum, { dollars }) => sum + dollars, 0);
}

/** The same bill with one Encrypt a value instead. */
export function withCallPerValue(lines: readonly BillLine[], millions: number): BillLine[] {
  return lines.map((line) =>
    line.what === 'KMS requests'
      ? { ...line, dollars: at(prices.kmsRequest, valuesPerMessage * millions * 1_000_000) }
      : line,
  );
}

function at({ dollars, per }: Price, quantity: number): number {
  return (quantity / per) * dollars;
}
