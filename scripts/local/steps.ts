import { isPlain } from './settings.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const width = 62;

/** Shows steps as they run, each with its time. */
export interface Steps {
  /** Runs one step; `done` tells what to show once it has ended. */
  run<T>(title: string, action: () => Promise<T>, done?: (result: T) => string): Promise<T>;
  elapsedMs(): number;
}

/** Steps on standard output: a line each, with a moving mark where a person looks on. */
export function createSteps(): Steps {
  const startedAt = performance.now();
  const plain = isPlain();
  return {
    elapsedMs: () => performance.now() - startedAt,
    async run(title, action, done) {
      const since = performance.now();
      const stopMoving = plain ? () => undefined : move(title);
      try {
        const result = await action();
        stopMoving();
        const text = done === undefined ? title : done(result);
        const mark = plain ? '✔' : '\u001B[32m✔\u001B[39m';
        console.log(`${mark} ${text.padEnd(width)} ${seconds(performance.now() - since)}`);
        return result;
      } catch (error) {
        stopMoving();
        console.log(`${plain ? '✖' : '\u001B[31m✖\u001B[39m'} ${title}`);
        throw error;
      }
    },
  };
}

/** A time as people read it: `0.4 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(5)} s`;
}

function move(title: string): () => void {
  let frame = 0;
  const draw = () => {
    process.stdout.write(`\r${frames[frame++ % frames.length]} ${title}`);
  };
  draw();
  const timer = setInterval(draw, 100);
  return () => {
    clearInterval(timer);
    process.stdout.write('\r\u001B[2K');
  };
}
