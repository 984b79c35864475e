import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ObjectFormat } from '../../../../../src/git/object-id.ts';
import { bundleHeader } from '../../../../../src/node/frontend/maintenance/bundle-header.ts';
import { gitOk, makePack, makeWork } from '../frontend-fixture.ts';

const snapshot = (objectFormat: ObjectFormat, head: string, refs: Readonly<Record<string, string>>) => ({
  objectFormat,
  head,
  refs: Object.entries(refs).map(([name, objectId]) => ({ name, objectId, peeledId: '' })),
});

describe('the header of a bundle', () => {
  it.each(['sha1', 'sha256'] as const)(
    'makes a bundle of a pack with %s that git verifies and clones',
    async (format) => {
      const folder = mkdtempSync(join(tmpdir(), 'bundle-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      const work = await makeWork(folder, 3, [`--object-format=${format}`]);
      const tip = await gitOk(work, ['rev-parse', 'HEAD']);
      const refs = { 'refs/heads/main': tip, 'refs/notes/hidden': tip, 'refs/tags/v1': tip };
      const header = bundleHeader(snapshot(format, 'refs/heads/main', refs)) ?? Buffer.alloc(0);
      const path = join(folder, 'a.bundle');
      writeFileSync(path, Buffer.concat([header, makePack(work, [tip])]));
      await gitOk(work, ['bundle', 'verify', path]);
      const heads = execFileSync('git', ['bundle', 'list-heads', path], { encoding: 'utf8' });
      expect(heads).toBe(`${tip} HEAD\n${tip} refs/heads/main\n${tip} refs/tags/v1\n`);
      await gitOk(folder, ['clone', '-q', path, 'clone']);
      expect(await gitOk(join(folder, 'clone'), ['rev-parse', 'HEAD'])).toBe(tip);
    },
  );

  it('names no HEAD that leads nowhere', () => {
    const id = 'a'.repeat(40);
    const header = bundleHeader(snapshot('sha1', 'refs/heads/none', { 'refs/heads/main': id }));
    expect(header?.toString()).toBe(`# v2 git bundle\n${id} refs/heads/main\n\n`);
  });

  it('is not made without heads and tags', () => {
    expect(bundleHeader(snapshot('sha1', 'refs/heads/main', { 'refs/notes/a': 'a'.repeat(40) }))).toBeUndefined();
  });
});
