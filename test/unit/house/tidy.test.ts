import { describe, expect, it } from 'vitest';
import { linesMatching, projectFiles, projectText } from './project-files.ts';

const files = projectFiles();
const self = /^test\/unit\/house\//;
const text = files.filter((path) => /\.(tsx?|mjs|cjs|json|md|proto|ya?ml|bash|zsh|fish|svg)$|^\.|\/run$/.test(path));
const source = text.filter((path) => /^src\/.*\.tsx?$/.test(path));
const written = text.filter((path) => path !== 'package-lock.json' && !self.test(path));

describe('the tree', () => {
  it('is listed', () => {
    expect(source.length).toBeGreaterThan(50);
  });

  it('has no source file above 400 lines', () => {
    expect(source.filter((path) => projectText(path).split('\n').length > 401)).toEqual([]);
  });

  it('names files after ideas, in kebab case', () => {
    const vague = /(^|\/)(utils?|helpers?|common|misc)(\/|\.|$)/;
    const cased = /^(src|test|scripts|bin)\/.*[A-Z_][^/]*$/;
    expect(
      files.filter((path) => vague.test(path) || cased.test(path)).filter((path) => !/__snapshots__/.test(path)),
    ).toEqual([]);
  });

  it('takes the time and chance from src/base alone', () => {
    const ambient =
      /\bDate\.now\b|\bMath\.random\b|\bset(Timeout|Interval|Immediate)\b|\bnew Date\(\)|\bAbortSignal\.timeout\b|\bperformance\.now\b|\bhrtime\b|\brandom(Bytes|UUID)\b|['"](node:)?timers/;
    expect(
      linesMatching(
        source.filter((path) => !path.startsWith('src/base/')),
        ambient,
      ),
    ).toEqual([]);
  });

  it('imports types by import type, which the layer check sees', () => {
    expect(linesMatching(source, /\bimport\(['"][^'"]*['"]\)\.(?!then\b)|\btypeof import\(/)).toEqual([]);
  });

  it('swallows no error without a reason, on the line or above it', () => {
    const swallowed = /catch\s*(\([^)]*\))?\s*\{\s*\}|\.catch\(\(\)\s*=>\s*(\{\s*\}|undefined|null)\)/;
    const explained = /\/\/|\*\//;
    const found = source.flatMap((path) => {
      const lines = projectText(path).split('\n');
      return lines.flatMap((line, index) => {
        const reason = explained.test(line) || explained.test(lines[index - 1] ?? '');
        return swallowed.test(line) && !reason ? [`${path}:${index + 1}: ${line.trim()}`] : [];
      });
    });
    expect(found).toEqual([]);
  });

  it('leaves nothing for later in a comment', () => {
    expect(linesMatching(written, /\b(TODO|FIXME|XXX|HACK)\b/)).toEqual([]);
  });

  it('names no machine, no package registry and no plan', () => {
    const machine = /(?<![\w.~-])\/(work|root|home)\/\w|registry\.[\w.-]+\.\w+|\bissue #?\d/i;
    expect(linesMatching(written, machine)).toEqual([]);
  });

  it('skips no test', () => {
    const tests = files.filter((path) => /^test\/.*\.tsx?$/.test(path) && !self.test(path));
    expect(linesMatching(tests, /\b(it|test|describe)\.(skip|only|todo|fails)\b/)).toEqual([]);
  });
});
