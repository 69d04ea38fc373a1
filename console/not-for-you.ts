import { UserError } from '../cli/user-error.ts';

/** Something that this identity may not do, or that this stage does not have: no fault. */
export class NotForYou extends UserError {
  override readonly name = 'NotForYou';
  /** The managed policy that it needs; null where the stage does not have it. */
  readonly policy: string | null;

  constructor(message: string, policy: string | null) {
    super(message);
    this.policy = policy;
  }
}
