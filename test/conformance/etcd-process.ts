import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A real etcd of one member, for tests of what talks to it. */
export interface EtcdProcess {
  readonly endpoint: string;
  readonly pid: number;
  /** Stops it for as long as a test wants; all its threads stand still when this returns. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Starts an etcd on free ports, in a folder of its own; resolves when it answers. */
export async function startEtcd(): Promise<EtcdProcess> {
  for (;;) {
    const [client, peer] = [await freePort(), await freePort()];
    const folder = await mkdtemp(join(tmpdir(), 'stratum-etcd-'));
    const clientUrl = `http://127.0.0.1:${client}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    const flags = {
      name: 'test',
      'data-dir': folder,
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': `test=${peerUrl}`,
      'heartbeat-interval': '50',
      'election-timeout': '500',
      logger: 'zap',
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const child = spawn('etcd', args, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env.PATH } });
    const ended = once(child, 'exit');
    const stop = async () => {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true });
    };
    if (await answers(child)) {
      const { pid = 0 } = child;
      return {
        endpoint: clientUrl,
        pid,
        pause: () => pause(pid),
        resume: () => child.kill('SIGCONT'),
        stop,
      };
    }
    await stop(); // Another process took a port in between.
  }
}

function pause(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  const folder = `/proc/${pid}/task`;
  // The state is the first field after the name, which stands in brackets.
  const stateOf = (thread: string) =>
    readFileSync(join(folder, thread, 'stat'), 'utf8')
      .split(') ')
      .at(-1)?.[0];
  while (readdirSync(folder).some((thread) => stateOf(thread) !== 'T')) {
    // A few microseconds: the kernel stops a thread when it next leaves the kernel.
  }
}

/** Whether it says that it is ready before it ends. */
function answers(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('serving client traffic')) resolve(true);
    });
    child.on('error', reject);
    child.on('exit', () => {
      if (output.includes('address already in use')) resolve(false);
      else reject(new Error(`etcd ended: ${output.slice(-2_000)}`));
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
