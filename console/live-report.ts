import { loginSteps } from '../cli/report/collect-logins.ts';
import type { ReportData } from '../cli/report/data.ts';
import { sentenceOf } from './sentence.ts';
import type { ConsoleVault } from './vault.ts';

/** The report as the console has it: being made, the last one, or why there is none. */
export interface LiveReport {
  /** How far the one is that is being made; null when none is. */
  step: () => { done: number; of: number } | null;
  /** The last one, or what went wrong with it; null before the first. */
  last: () => ReportData | string | null;
  /** Makes a report unless one is being made. */
  make: () => Promise<void>;
}

/** Keeps one report in memory, made with the person's own rights. */
export function createLiveReport(vault: Pick<ConsoleVault, 'report'>): LiveReport {
  let done = 0;
  let last: ReportData | string | null = null;
  let making: Promise<void> | null = null;

  const make = async () => {
    done = 0;
    try {
      last = await vault.report(() => (done += 1));
    } catch (error) {
      last = sentenceOf(error);
    }
    making = null;
  };
  return {
    step: () => (making === null ? null : { done, of: loginSteps }),
    last: () => last,
    make: () => (making ??= make()),
  };
}
