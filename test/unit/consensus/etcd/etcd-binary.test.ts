import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { etcdEnvironment, prepareEtcd, refuseMissingEtcd } from '../../../../src/consensus/etcd/etcd-binary.ts';
import { manualClock } from '../../base/manual-clock.ts';

let folder: string;
let binFolder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-etcd-binary-'));
  binFolder = join(folder, 'bin');
});
afterEach(() => rmSync(folder, { recursive: true }));

const script = (version: string) => `#!/bin/sh\necho "etcd Version: ${version}"\n`;
const system = '/usr/bin:/bin';

/** Puts a program that answers to --version into a folder of its own. */
function program(name: string, text: string): string {
  mkdirSync(join(folder, name));
  const path = join(folder, name, 'etcd');
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

interface Case {
  readonly setting?: string;
  readonly searchPath?: string;
  readonly packed?: string;
}

function prepare({ setting, searchPath = system, packed }: Case) {
  const content = packed === undefined ? undefined : Buffer.from(packed);
  return prepareEtcd({ setting, searchPath, folder: binFolder }, { clock: systemClock, packed: () => content });
}

describe('the etcd program', () => {
  it('is the given one, before the packed one, before the one on PATH', async () => {
    const given = program('given', script('3.5.1'));
    const onPath = program('path', script('3.4.0'));
    const searchPath = `${join(folder, 'path')}:${system}`;
    expect(await prepare({ setting: given, searchPath, packed: script('3.6.0') })).toBe(given);
    expect(await prepare({ searchPath, packed: script('3.6.0') })).toMatch(/\/bin\/etcd-[0-9a-f]{16}$/);
    expect(await prepare({ searchPath })).toBe(onPath);
    expect(await prepare({ setting: 'etcd', searchPath, packed: script('3.6.0') })).toBe(onPath);
  });

  it('is unpacked once, for its user alone, and takes the place of an earlier build', async () => {
    const first = await prepare({ packed: script('3.4.0') });
    expect(statSync(first).mode & 0o777).toBe(0o700);
    const { ino } = statSync(first);
    expect(await prepare({ packed: script('3.4.0') })).toBe(first);
    expect(statSync(first).ino).toBe(ino);
    const second = await prepare({ packed: script('3.5.0') });
    expect(readdirSync(binFolder)).toEqual([second.slice(binFolder.length + 1)]);
  });

  it('is unpacked again when only a part of it is there', async () => {
    const path = await prepare({ packed: script('3.4.0') });
    writeFileSync(path, '#!/bin/sh');
    await prepare({ packed: script('3.4.0') });
    expect(readFileSync(path, 'utf8')).toBe(script('3.4.0'));
  });

  it.each<[string, Case]>([
    ['a path that leads nowhere', { setting: '/nonexistent/etcd' }],
    ['a name that is not on PATH', { setting: 'no-such-etcd' }],
    ['a folder', { setting: '/usr' }],
    ['nothing, where nothing is', { searchPath: '/nonexistent' }],
  ])('is missing: %s', async (_what, search) => {
    await expect(prepare(search)).rejects.toMatchObject({
      code: 'ETCD_MISSING',
      hint: expect.stringContaining('apt-get install etcd-server'),
    });
  });

  it.each([
    ['an old version', script('3.3.27'), /not etcd 3\.4 or later: it answers "etcd Version: 3\.3\.27"/],
    ['another program', '#!/bin/sh\necho hello\n', /not etcd 3\.4 or later: it answers "hello"/],
    ['one that fails', '#!/bin/sh\nexit 3\n', /--version": /],
    ['one that is for another machine', '\u007fELF', /--version": /],
  ])('cannot be %s', async (_what, text, message) => {
    const setting = program('odd', text);
    await expect(prepare({ setting })).rejects.toMatchObject({
      code: 'ETCD_FAILED',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('--etcd-binary'),
    });
  });

  it('is given up when it does not say its version in time', async () => {
    const clock = manualClock();
    const setting = program('slow', '#!/bin/sh\nexec sleep 600\n');
    const asked = prepareEtcd({ setting, searchPath: system, folder: binFolder }, { clock, packed: () => undefined });
    const outcome = expect(asked).rejects.toMatchObject({
      code: 'ETCD_FAILED',
      message: expect.stringContaining('did not finish within 5000 ms'),
    });
    await vi.waitUntil(() => clock.pendingTimers() > 0);
    clock.advance(5_000);
    await outcome;
  });

  it('is looked for, and nothing is unpacked, before a cluster is brought up', async () => {
    const none = { clock: systemClock, packed: () => undefined };
    const packed = { clock: systemClock, packed: () => Buffer.from(script('3.4.0')) };
    await expect(refuseMissingEtcd({ setting: undefined, searchPath: '/nonexistent' }, none)).rejects.toMatchObject({
      code: 'ETCD_MISSING',
    });
    await refuseMissingEtcd({ setting: undefined, searchPath: '/nonexistent' }, packed);
    expect(existsSync(binFolder)).toBe(false);
  });

  it('sees none of the variables that would configure it', () => {
    const allowed = ['PATH', 'ETCD_UNSUPPORTED_ARCH'];
    expect(Object.keys(etcdEnvironment('/bin')).every((name) => allowed.includes(name))).toBe(true);
    expect(Object.isFrozen(etcdEnvironment('/bin'))).toBe(false);
  });
});
