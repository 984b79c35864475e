import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../../src/base/random.ts';
import { createBareRepository } from '../../../../src/node/frontend/bare-repository.ts';
import { QuarantineFolder } from '../../../../src/node/frontend/quarantine.ts';
import { gitOk } from './frontend-fixture.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quarantine-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const make = () => new QuarantineFolder({ folder: join(folder, 'q') }, { random: systemRandom });

describe('QuarantineFolder', () => {
  it('is emptied at the start', async () => {
    mkdirSync(join(folder, 'q', 'left', 'over'), { recursive: true });
    await make().open();
    expect(readdirSync(join(folder, 'q'))).toEqual([]);
  });

  it('makes quarantines that are repositories and go away with all that is in them', async () => {
    const quarantines = make();
    await quarantines.open();
    const [first, second] = await Promise.all([
      quarantines.create('sha256', undefined),
      quarantines.create('sha1', undefined),
    ]);
    expect(await gitOk(first.path, ['rev-parse', '--show-object-format'])).toBe('sha256');
    expect(first.path).not.toBe(second.path);
    await first.remove();
    await first.remove();
    expect(existsSync(first.path)).toBe(false);
  });

  it('borrows the objects of the base', async () => {
    const base = join(folder, 'base.git');
    await createBareRepository(base, 'sha1');
    const id = await gitOk(base, ['hash-object', '-w', '-t', 'tree', '/dev/null']);
    const quarantines = make();
    await quarantines.open();
    const quarantine = await quarantines.create('sha1', base);
    expect(await gitOk(quarantine.path, ['cat-file', '-t', id])).toBe('tree');
  });

  it('leaves nothing when it cannot be made', async () => {
    const quarantines = make();
    await quarantines.open();
    rmSync(join(folder, 'q'), { recursive: true });
    mkdirSync(join(folder, 'q'));
    await expect(quarantines.create('sha1', `${folder}/\0`)).rejects.toThrow();
    expect(readdirSync(join(folder, 'q'))).toEqual([]);
  });
});
