/** Vitest reporter that ends the run with one line: `N passed, N failed`, and `, N skipped` when there are any. */
export default class CountReporter {
  onTestRunEnd(testModules, unhandledErrors) {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const testModule of testModules) {
      for (const test of testModule.children.allTests()) count[test.result().state] += 1;
      // A file that does not load, or a hook that fails, has no test to count.
      if (testModule.errors().length > 0) count.failed += 1;
      for (const suite of testModule.children.allSuites()) if (suite.errors().length > 0) count.failed += 1;
    }
    // Tests that the run never came to are not passed either.
    count.failed += count.pending + unhandledErrors.length;
    this.line = `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`;
    // After everything that other reporters still write.
    process.once('exit', () => process.stdout.write(`${this.line}\n`));
  }
}
