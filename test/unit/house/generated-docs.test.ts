import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../../src/base/error-codes.ts';
import { projectRoot, projectText } from './project-files.ts';

const script = pathToFileURL(join(projectRoot, 'scripts', 'docs.mjs')).href;
const program = `import { generatedDocs } from ${JSON.stringify(script)}; console.log(JSON.stringify(generatedDocs()));`;
const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
const docs = JSON.parse(output) as Record<string, string>;

describe('the documentation made from tables', () => {
  it.each(Object.keys(docs))('%s is what npm run docs makes', (path) => {
    expect(projectText(path)).toBe(docs[path]);
  });

  it('explains every error code', () => {
    const explained = [...projectText('docs/errors.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
    expect(explained).toEqual(Object.keys(errorCodes));
  });

  it('gives a meaning to every exit code of an error', () => {
    const explained = [...projectText('docs/exit-codes.md').matchAll(/^\| (\d+) \|/gm)].map(([, exit]) => Number(exit));
    const used = new Set(Object.values(errorCodes).map(({ exit }) => exit));
    expect([...used].filter((exit) => !explained.includes(exit))).toEqual([]);
  });
});
