import type { SealingKeys } from '../crypto/data-key.ts';
import type { TokenizerSource } from '../crypto/token.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { OutgoingMessage } from '../sqs.ts';
import type { Attempts } from './attempts.ts';
import type { HeldTokens } from './held-tokens.ts';
import type { MaskedBatch } from './mask.ts';
import type { Readiness } from './readiness.ts';

/** What one statement wrote: logins new to the table, and values new to the vault. */
export interface WrittenBatch {
  stored: number;
  sealed: number;
}

/**
 * Why nothing was written: the vault does not hold the value of a token that was left unsealed, or the
 * tokens are of another generation than the present one, which is this.
 */
export type Unwritten = { unwritten: 'unsealed' } | { unwritten: 'generation'; generation: number };

/** What `ingest` works with. */
export interface IngestDeps {
  readiness: Readiness;
  attempts: Attempts;
  /** The container's tokenizer; calls KMS the first time. */
  tokenizer: TokenizerSource;
  keys: SealingKeys;
  /** The tokens that need no sealing. */
  held: HeldTokens;
  /** Whether the tokens of the networks of sealed addresses are written, too. */
  writesNetworks: boolean;
  /**
   * Writes a slice of a batch in one statement, all or nothing, once per message id. Says with nothing
   * written why it did not.
   */
  write: (batch: MaskedBatch) => Promise<WrittenBatch | Unwritten>;
  /** Sends to the dead-letter queue; returns the indexes of those not accepted. */
  sendToDeadLetters: (messages: OutgoingMessage[]) => Promise<number[]>;
  log: Log;
  metrics: Metrics;
}
