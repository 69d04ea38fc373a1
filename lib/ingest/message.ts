import type { SQSRecord } from 'aws-lambda';

import { parseLoginEvent } from './login-event.ts';
import type { ReceivedLogin } from './mask.ts';
import type { RejectionReason } from './rejection-reason.ts';
import {
  isItself,
  isMessageId,
  resentDay,
  sentDay,
  type SourceMessage,
  sourceOf,
} from './source-message.ts';

/** A record of a batch, and the message that it claims to be. */
export interface Copy {
  record: SQSRecord;
  source: SourceMessage;
}

/** A message of a batch: it is stored once, however many records of the batch are copies of it. */
export interface Message {
  /** The id it is counted by. */
  id: string;
  /** Its records; the message itself comes before copies that were sent again. */
  copies: Copy[];
}

/** A message that can be stored, and its login. */
export interface Readable {
  message: Message;
  copy: Copy;
  login: ReceivedLogin;
}

/** A message that can never be stored, and which of its copies says why. */
export interface Rejection {
  message: Message;
  copy: Copy;
  reason: RejectionReason;
}

/** The messages of a batch, each once. */
export function messagesOf(records: readonly SQSRecord[]): Message[] {
  const messages = new Map<string, Message>();
  for (const record of records) {
    const copy = { record, source: sourceOf(record) };
    // two records that claim the same invalid id are not one message
    const id = isMessageId(copy.source.messageId) ? copy.source.messageId : record.messageId;
    const message = messages.get(id);
    if (message === undefined) messages.set(id, { id, copies: [copy] });
    else if (isItself(record, copy.source)) message.copies.unshift(copy);
    else message.copies.push(copy);
  }
  return [...messages.values()];
}

/** The login of the first copy that can be stored; if there is none, why the first copy cannot. */
export function readMessage(message: Message): Readable | Rejection {
  let rejection: Rejection | null = null;
  for (const copy of message.copies) {
    const login = readCopy(copy);
    if (!('rejected' in login)) return { message, copy, login };
    rejection ??= { message, copy, reason: login.rejected };
  }
  // a message has a copy
  return rejection!;
}

function readCopy({ record, source }: Copy): ReceivedLogin | { rejected: RejectionReason } {
  if (!isMessageId(source.messageId)) return { rejected: 'invalid_message_id' };
  const sentOn = sentDay(source);
  if (sentOn === null) return { rejected: 'invalid_sent_timestamp' };
  const event = parseLoginEvent(record.body);
  if ('rejected' in event) return event;
  return { messageId: source.messageId, sentOn, resentOn: resentDay(record, source), event };
}
