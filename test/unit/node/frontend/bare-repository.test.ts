import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  borrowFrom,
  createBareRepository,
  linkPack,
  listPackNames,
  packPath,
  removeForeign,
  removeLeftovers,
  removePack,
  sizeOf,
  syncPack,
  writeRefs,
} from '../../../../src/node/frontend/bare-repository.ts';
import { gitOk, makeWork } from './frontend-fixture.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bare-'));
  path = join(folder, 'a.git');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A bare repository with one pack, and the id of its tip. */
async function withPack(): Promise<{ tip: string; name: string }> {
  const work = await makeWork(folder, 2);
  await gitOk(work, ['tag', '-a', '-m', 'one', 'v1']);
  await gitOk(work, ['repack', '-adq']);
  await createBareRepository(path, 'sha1');
  const packs = join(work, '.git', 'objects', 'pack');
  const name = /pack-([0-9a-f]+)\.idx/.exec(readdirSync(packs).join(' '))?.[1] ?? '';
  for (const extension of ['pack', 'idx']) {
    writeFileSync(
      join(path, 'objects', 'pack', `pack-${name}.${extension}`),
      readFileSync(join(packs, `pack-${name}.${extension}`)),
    );
  }
  const tip = await gitOk(work, ['rev-parse', 'HEAD']);
  const tag = await gitOk(work, ['rev-parse', 'v1']);
  const refs = [
    { name: 'refs/heads/main', objectId: tip, peeledId: '' },
    { name: 'refs/tags/v1', objectId: tag, peeledId: tip },
  ];
  await writeRefs(path, { objectFormat: 'sha1', head: 'refs/heads/main', refs });
  return { tip, name };
}

describe('a bare repository', () => {
  it('is one to git, with its refs, peeled tags and HEAD', async () => {
    const { tip } = await withPack();
    expect(await gitOk(path, ['rev-parse', 'HEAD', 'v1^{}'])).toBe(`${tip}\n${tip}`);
    expect(await gitOk(path, ['for-each-ref', '--format=%(*objectname)', 'refs/tags'])).toBe(tip);
    await gitOk(path, ['fsck', '--full', '--strict']);
  });

  it.each(['sha1', 'sha256'] as const)('of %s has that format to git', async (format) => {
    await createBareRepository(path, format);
    expect(await gitOk(path, ['rev-parse', '--show-object-format'])).toBe(format);
    await createBareRepository(path, format);
    expect(await gitOk(path, ['rev-parse', '--is-bare-repository'])).toBe('true');
  });

  it('lends its objects and the refs of that moment', async () => {
    const { tip } = await withPack();
    const borrower = join(folder, 'b.git');
    await createBareRepository(borrower, 'sha1');
    await borrowFrom(borrower, path);
    await writeRefs(path, { objectFormat: 'sha1', head: 'refs/heads/main', refs: [] });
    expect(await gitOk(borrower, ['rev-parse', 'refs/heads/main'])).toBe(tip);
    expect(await gitOk(borrower, ['cat-file', '-t', tip])).toBe('commit');
  });

  it('lends from one that has no refs yet', async () => {
    await createBareRepository(path, 'sha1');
    const borrower = join(folder, 'b.git');
    await createBareRepository(borrower, 'sha1');
    await expect(borrowFrom(borrower, path)).resolves.toBeUndefined();
  });

  it('takes over a pack by links, again without harm, and lets it go', async () => {
    const { name } = await withPack();
    const other = join(folder, 'b.git');
    await createBareRepository(other, 'sha1');
    await linkPack(name, path, other);
    await linkPack(name, path, other);
    expect([...(await listPackNames(other))]).toEqual([name]);
    expect(await sizeOf(packPath(other, name, 'pack'))).toBe(await sizeOf(packPath(path, name, 'pack')));
    await removePack(other, name);
    expect([...(await listPackNames(other))]).toEqual([]);
    expect(await sizeOf(packPath(other, name, 'pack'))).toBeUndefined();
  });

  it('puts the files that a pack has on disk, and none that are gone', async () => {
    const { name } = await withPack();
    await syncPack(path, name);
    await syncPack(path, 'abc');
    await syncPack(join(folder, 'none'), name);
    symlinkSync(packPath(path, name, 'bitmap'), packPath(path, name, 'bitmap'));
    await expect(syncPack(path, name)).rejects.toMatchObject({ code: 'ELOOP' });
  });

  it('loses what an interrupted write left, and nothing else', async () => {
    const { name } = await withPack();
    writeFileSync(join(path, '.packed-refs.1-1.tmp'), 'x');
    writeFileSync(join(path, 'objects', 'pack', 'tmp_pack_abc'), 'x');
    writeFileSync(join(path, 'shallow_1'), 'x');
    for (const file of ['pack', 'rev'] as const) writeFileSync(packPath(path, 'abc', file), 'its index never came');
    mkdirSync(join(path, 'objects', 'pack', 'tmp_folder'));
    await removeLeftovers(path);
    expect(readdirSync(path).filter((file) => /^(\.|shallow)/.test(file))).toEqual([]);
    expect(readdirSync(join(path, 'objects', 'pack')).sort()).toEqual([`pack-${name}.idx`, `pack-${name}.pack`]);
    await expect(removeLeftovers(join(folder, 'none'))).resolves.toBeUndefined();
  });

  it('loses what does not belong into it, but not what a running process has in it', async () => {
    const { name } = await withPack();
    const before = await gitOk(path, ['for-each-ref']);
    writeFileSync(join(path, 'shallow_1'), 'x');
    expect(await removeForeign(path)).toBe(0);
    mkdirSync(join(path, 'refs', 'heads'));
    mkdirSync(join(path, 'objects', 'ab'));
    for (const file of ['shallow', 'objects/info/alternates', 'objects/info/commit-graph', 'objects/pack/notes']) {
      writeFileSync(join(path, file), 'x');
    }
    expect(await removeForeign(path)).toBe(6);
    expect(readdirSync(path).sort()).toEqual(['HEAD', 'config', 'objects', 'packed-refs', 'refs', 'shallow_1']);
    expect([...(await listPackNames(path))]).toEqual([name]);
    expect(await gitOk(path, ['for-each-ref'])).toBe(before);
    await expect(removeForeign(join(folder, 'none'))).resolves.toBe(0);
  });
});
