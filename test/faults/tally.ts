/** What was seen while a storm went on. */
export interface Seen {
  /** How often each fault was met, and each error that ingest logged. */
  faults: ReadonlyMap<string, number>;
  errors: ReadonlyMap<string, number>;
  /** What ingest counted, and how the requests of an officer ended. */
  counts: ReadonlyMap<string, number>;
  /** What was wrong while it went on. */
  findings: readonly string[];
}

/** Notes what is seen. */
export interface Tally extends Seen {
  met: (fault: string) => void;
  failed: (error: string) => void;
  counted: (name: string, by?: number) => void;
  found: (finding: string) => void;
}

export function createTally(): Tally {
  const faults = new Map<string, number>();
  const errors = new Map<string, number>();
  const counts = new Map<string, number>();
  const findings: string[] = [];
  return {
    faults,
    errors,
    counts,
    findings,
    met: (fault) => add(faults, fault, 1),
    failed: (error) => add(errors, error, 1),
    counted: (name, by = 1) => add(counts, name, by),
    found: (finding) => void findings.push(finding),
  };
}

function add(to: Map<string, number>, name: string, by: number): void {
  to.set(name, (to.get(name) ?? 0) + by);
}
