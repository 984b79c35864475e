import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A package server that answers slowly is not to hold up the tests for ever. */
const installTimeoutMs = 180_000;

/** What Debian's tools ask before they start a service: "no" while this exits with 101. */
const servicePolicy = '/usr/sbin/policy-rc.d';

/** Where to look for etcd, and how it is installed. */
export interface EtcdMachine {
  readonly searchPath: string;
  readonly isRoot: boolean;
  /** The file that keeps a freshly installed etcd from running as a service. */
  readonly servicePolicy: string;
}

/** Vitest calls it once, before all tests. */
export async function setup(): Promise<void> {
  await findOrInstallEtcd({
    searchPath: process.env.PATH ?? '',
    isRoot: process.getuid?.() === 0,
    servicePolicy,
  });
}

/** The path of an etcd that can be run; installs Debian's where that is allowed, else throws what to do. */
export async function findOrInstallEtcd(machine: EtcdMachine): Promise<string> {
  const found = await find('etcd', machine.searchPath);
  if (found !== undefined) return found;
  const aptGet = await find('apt-get', machine.searchPath);
  const advice = 'the tests need etcd 3.4 or later on PATH (Debian, Ubuntu: apt-get install etcd-server)';
  if (!machine.isRoot || aptGet === undefined) throw new Error(advice);
  try {
    await install(aptGet, machine);
  } catch (error) {
    throw new Error(`${advice}; installing it failed`, { cause: error });
  }
  const installed = await find('etcd', machine.searchPath);
  if (installed === undefined) throw new Error(`${advice}; after installing it there is still none`);
  return installed;
}

async function install(aptGet: string, { searchPath, servicePolicy: policy }: EtcdMachine): Promise<void> {
  const options = { env: { PATH: searchPath, DEBIAN_FRONTEND: 'noninteractive' }, timeout: installTimeoutMs };
  const aptGetInstall = () => run(aptGet, ['install', '-y', '--no-install-recommends', 'etcd-server'], options);
  const isOurs = await refuseServices(policy);
  try {
    await aptGetInstall().catch(async () => {
      // The lists of packages are missing or old.
      await run(aptGet, ['update'], options);
      await aptGetInstall();
    });
  } finally {
    if (isOurs) await rm(policy, { force: true });
  }
}

/** False where the machine has a policy of its own. */
async function refuseServices(policy: string): Promise<boolean> {
  try {
    await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function find(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}
