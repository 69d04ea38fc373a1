import type { HandlerFault } from './handler-faults.ts';

/** A call of a handler, which may die or be so late that nobody waits for it. */
export interface Call {
  /** Null when nothing disturbs it, or nothing does any more. */
  fault: HandlerFault | null;
  /** Ends the container under it. */
  die: () => void;
  isDead: boolean;
  /** Resolves when it dies. */
  death: Promise<'died'>;
  beLate: () => void;
  /** Resolves when it is late. */
  lateness: Promise<'late'>;
  /** Whether it was answered or died. */
  isOver: boolean;
}

export function createCall(fault: HandlerFault | null, kill: () => void): Call {
  const death = createSignal('died' as const);
  const lateness = createSignal('late' as const);
  const call: Call = {
    fault,
    die: () => {
      call.isDead = true;
      kill();
      death.give();
    },
    isDead: false,
    death: death.given,
    beLate: lateness.give,
    lateness: lateness.given,
    isOver: false,
  };
  return call;
}

/** Something that happens at most once, and can be waited for. */
function createSignal<T>(name: T): { given: Promise<T>; give: () => void } {
  let give!: () => void;
  const given = new Promise<T>((resolve) => {
    give = () => resolve(name);
  });
  return { given, give };
}
