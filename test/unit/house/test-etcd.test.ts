import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findOrInstallEtcd } from '../../e2e/etcd-binary.ts';

let folder: string;
let servicePolicy: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-test-etcd-'));
  servicePolicy = join(folder, 'policy-rc.d');
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** An apt-get that writes down what it is asked, and whether services would be started. */
function aptGet(install: string): void {
  const policy = `if [ -x ${servicePolicy} ]; then ${servicePolicy}; fi`;
  program(
    'apt-get',
    `echo "$1 $(${policy}; echo $?)" >> ${join(folder, 'asked')}\n[ "$1" = update ] || { ${install}; }`,
  );
}

const find = (isRoot = true) => findOrInstallEtcd({ searchPath: folder, isRoot, servicePolicy });
const asked = () => readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n');
// Written by the shell itself: nothing else is on the search path.
const etcd = () => `echo '#!/bin/sh' > ${join(folder, 'etcd')} && /bin/chmod 755 ${join(folder, 'etcd')}`;

describe('the etcd of the tests', () => {
  it('is the one on PATH', async () => {
    program('etcd', 'exit 0');
    aptGet('exit 1');
    expect(await find()).toBe(join(folder, 'etcd'));
    expect(existsSync(join(folder, 'asked'))).toBe(false);
  });

  it('is installed where it is missing, and does not become a service', async () => {
    aptGet(etcd());
    expect(await find()).toBe(join(folder, 'etcd'));
    expect(asked()).toEqual(['install 101']);
    expect(existsSync(servicePolicy)).toBe(false);
  });

  it('is looked for in new lists when the old ones do not have it', async () => {
    aptGet(`[ -e ${join(folder, 'tried')} ] || { : > ${join(folder, 'tried')}; exit 100; }; ${etcd()}`);
    await find();
    expect(asked()).toEqual(['install 101', 'update 101', 'install 101']);
  });

  it('leaves a policy of the machine’s own as it is', async () => {
    program('policy-rc.d', 'exit 104');
    aptGet(etcd());
    await find();
    expect(asked()).toEqual(['install 104']);
    expect(existsSync(servicePolicy)).toBe(true);
  });

  it.each([
    ['nobody may install it', 'exit 0', false],
    ['installing it fails', 'exit 100', true],
    ['installing it brings none', 'exit 0', true],
  ])('is asked for when %s', async (_what, install, isRoot) => {
    aptGet(install);
    await expect(find(isRoot)).rejects.toThrow(/apt-get install etcd-server/);
    expect(existsSync(servicePolicy)).toBe(false);
  });
});
