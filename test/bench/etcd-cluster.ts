import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** An etcd of three members on this machine, fsync on, with etcd's own defaults for the rest. */
export interface EtcdCluster {
  readonly endpoints: readonly string[];
  stop(): Promise<void>;
}

/** Starts the members in a folder of their own; resolves when each serves. */
export async function startEtcdCluster(): Promise<EtcdCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-etcd-'));
  const members = await Promise.all(
    ['e1', 'e2', 'e3'].map(async (name) => ({
      name,
      clientUrl: `http://127.0.0.1:${await freePort()}`,
      peerUrl: `http://127.0.0.1:${await freePort()}`,
    })),
  );
  const cluster = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  const children = members.map(({ name, clientUrl, peerUrl }) => {
    const flags = {
      name,
      'data-dir': join(folder, name),
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': cluster,
      logger: 'zap',
    };
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    return spawn('etcd', args, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env.PATH } });
  });
  const stop = async () => {
    const ended = children.map((child) => (child.exitCode === null ? once(child, 'exit') : undefined));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ended);
    await rm(folder, { recursive: true });
  };
  try {
    await Promise.all(children.map(serving));
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoints: members.map(({ clientUrl }) => clientUrl), stop };
}

/** Resolves when a member serves; its output is read on, for a full pipe would stop it. */
function serving(child: ChildProcessByStdio<null, null, Readable>): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
      if (output.includes('serving client traffic')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`etcd ended: ${output.slice(-2_000)}`)));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
