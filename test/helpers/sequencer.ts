import { BaseSequencer, type TestSpecification } from 'vitest/node';

const order = ['e2e', 'faults', 'integration', 'unit'];

const place = ({ project }: TestSpecification) => order.indexOf(project.name);

/**
 * Runs the longest files first, and the files of a project one after the other: those of `integration` and `unit`
 * share what a worker has loaded, as long as no file of another project comes in between.
 */
export default class ByProject extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- this is no array
    const byLength = await super.sort(files);
    return byLength.toSorted((a, b) => place(a) - place(b));
  }
}
