/** One line of AWS's price lists, in US dollars. */
export interface Price {
  dollars: number;
  /** How many units that buys. */
  per: number;
  unit: string;
}

/**
 * Public list prices of 2025 as best known, without free tiers, discounts and tax. They are there to
 * compare one design with another: check them before you plan a budget.
 */
export const prices = {
  region: 'eu-central-1',
  asOf: '2025',
  lambdaRequest: { dollars: 0.2, per: 1_000_000, unit: 'requests' },
  lambdaTime: { dollars: 0.0000133334, per: 1, unit: 'GB-seconds, arm64' },
  sqsRequest: { dollars: 0.4, per: 1_000_000, unit: 'requests, standard queue' },
  kmsRequest: { dollars: 0.03, per: 10_000, unit: 'requests, symmetric and HMAC' },
  kmsKey: { dollars: 1, per: 1, unit: 'key-months' },
  auroraCapacity: { dollars: 0.14, per: 1, unit: 'ACU-hours, Serverless v2, Standard' },
  auroraIo: { dollars: 0.22, per: 1_000_000, unit: 'I/O requests, Standard' },
  auroraStorage: { dollars: 0.119, per: 1, unit: 'GB-months' },
  logIngestion: { dollars: 0.63, per: 1, unit: 'GB of logs taken in' },
  logStorage: { dollars: 0.0324, per: 1, unit: 'GB-months of logs, compressed' },
  alarm: { dollars: 0.1, per: 1, unit: 'alarm-months' },
  vpcEndpoint: { dollars: 0.012, per: 1, unit: 'endpoint-hours an availability zone' },
} as const satisfies Record<string, Price | string>;

/** What the bill supposes beside what the benchmark measured. */
export const suppositions = {
  hoursAMonth: 730,
  /** `ingestMaximumConcurrency`: as many containers are always warm. */
  containers: 4,
  /** Lambda replaces a container after some hours: it asks for the token root again. */
  containerHours: 2,
  /** `memorySize`. 1 769 MB are one vCPU. */
  memoryMb: 512,
  vcpuMb: 1_769,
  /** `ingestBatchSize` and `ingestBatchingWindow`. */
  maxPerBatch: 1_000,
  windowSeconds: 5,
  /** SQS hands over and deletes ten at a time; producers send ten at a time. */
  messagesPerSqsRequest: 10,
  /** Lambda's pollers wait 20 s for a message, five of them at least. */
  emptyReceivesAMonth: (5 * 730 * 3_600) / 20,
  /** How much of the values the vault has not seen before. */
  newShare: 0.05,
  /** The ledger keeps 15 days. */
  ledgerMonths: 0.5,
  /** Aurora counts writes of the log in units of 4 KB. */
  ioBytes: 4_096,
  /** Half-ACUs of Serverless v2, by millions of messages a month: mostly memory for the indexes. */
  acu: { 1: 0.5, 100: 2, 1_000: 8 } as Record<number, number>,
  /** Lambda's START, END and REPORT, and the one line of the batch. */
  logBytesPerBatch: 800,
  logRetentionMonths: 3,
  logCompression: 0.15,
  keys: 2,
  alarms: 10,
  /** KMS and SQS in two zones each. */
  vpcEndpoints: 4,
} as const;
