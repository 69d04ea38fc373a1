/** Why a message can never be stored: a code, and for a field its name; never a value. */
export type RejectionReason =
  | 'invalid_json'
  | 'invalid_message'
  | 'invalid_message_id'
  | 'invalid_sent_timestamp'
  | 'refused_by_database'
  | 'crashes_ingest'
  | `invalid_field:${string}`;
