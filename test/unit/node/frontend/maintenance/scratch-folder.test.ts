import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { systemRandom } from '../../../../../src/base/random.ts';
import { GiB } from '../../../../../src/base/units.ts';
import { ScratchFolder } from '../../../../../src/node/frontend/maintenance/scratch-folder.ts';
import { gitOk } from '../frontend-fixture.ts';

it('a scratch folder is emptied at the start, and makes pairs of repositories that can be removed', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'scratch-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  const folder = join(parent, 'maintenance');
  mkdirSync(join(folder, 'left', 'over'), { recursive: true });
  const scratch = new ScratchFolder({ folder }, { random: systemRandom });
  await scratch.open();
  expect(readdirSync(folder)).toEqual([]);
  const [first, second] = [await scratch.create('sha1', 0), await scratch.create('sha256', 0)];
  expect(await gitOk(second.sourcePath, ['rev-parse', '--show-object-format'])).toBe('sha256');
  expect(await gitOk(first.resultPath, ['rev-parse', '--is-bare-repository'])).toBe('true');
  await first.remove();
  expect(existsSync(first.sourcePath) || existsSync(first.resultPath)).toBe(false);
  expect(existsSync(second.sourcePath)).toBe(true);
  await second.remove();
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
  const third = await scratch.create('sha1', 0);
  expect(existsSync(third.sourcePath)).toBe(true);
});

it('a scratch folder makes nothing where the disk has too little room for the result', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'scratch-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const freeBytes = 10 * GiB;
  const measureDisk = async () => ({ freeBytes, capacityBytes: 2 * freeBytes });
  const scratch = new ScratchFolder({ folder }, { random: systemRandom, measureDisk });
  await expect(scratch.create('sha1', 8 * GiB + 1)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(readdirSync(folder)).toEqual([]);
  await scratch.create('sha1', 8 * GiB);
  expect(readdirSync(folder)).toHaveLength(1);
});
