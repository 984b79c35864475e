import { describe, expect, it } from 'vitest';
import { projectText } from './project-files.ts';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(projectText('package-lock.json')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};
const manifest = JSON.parse(projectText('package.json')) as Pick<LockedPackage, 'dependencies' | 'devDependencies'>;
const names = new Set(Object.keys(packages).map((place) => place.replace(/^.*node_modules\//, '')));

describe('the lock file', () => {
  it('describes every optional package for every platform (if not: node scripts/complete-lock.mjs)', () => {
    const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.filter((name) => !names.has(name))).toEqual([]);
  });

  it('names no server', () => {
    expect(Object.keys(packages).filter((place) => packages[place]?.resolved !== undefined)).toEqual([]);
  });

  it('pins the exact versions of package.json', () => {
    const wanted = { ...manifest.dependencies, ...manifest.devDependencies };
    const locked = Object.fromEntries(
      Object.keys(wanted).map((name) => [name, packages[`node_modules/${name}`]?.version]),
    );
    expect(locked).toEqual(wanted);
  });
});
