import { describe, expect, it } from 'vitest';
import { projectFiles } from './project-files.ts';

const files = new Set(projectFiles());
// The table of commands names modules and does nothing; declarations have no code.
const exempt = /(^src\/commands\/index|\.d)\.ts$/;

const mirrored = [...files].filter(
  (path) => /^src\/(commands\/.*|node\/[^/]+\/rpc\/[^/]+)\.tsx?$/.test(path) && !exempt.test(path),
);

describe('the tests', () => {
  it('are looked for', () => {
    expect(mirrored.length).toBeGreaterThan(20);
  });

  it('stand at the mirrored path of every command and every RPC', () => {
    const lacking = mirrored.filter((path) => {
      const test = path.replace(/^src\//, 'test/unit/').replace(/\.tsx?$/, '.test');
      return !files.has(`${test}.ts`) && !files.has(`${test}.tsx`);
    });
    expect(lacking).toEqual([]);
  });
});
