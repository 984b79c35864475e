import { isPortFree } from '../../src/cli/local-cluster/ports.ts';

/**
 * Apart from all ports that the program chooses by itself (its nodes' from 20,000, its etcd members' from 12,000), and
 * from those of outgoing connections: nothing can take the port of a process that a test has killed and starts again.
 */
const firstPort = 10_000;
const portsOfWorker = 500;
const workersMax = 4;

/** Vitest's number of the process that runs a file, from 1; each has ports of its own, so that files can run beside each other. */
const worker = (Number(process.env.VITEST_POOL_ID ?? 1) - 1) % workersMax;

/** What was given is not given again before all others; another run on this machine begins elsewhere. */
let next = Math.floor(Math.random() * portsOfWorker);

/** So many free ports in a row. */
export async function takePorts(count: number): Promise<readonly number[]> {
  const row: number[] = [];
  for (let tries = 0; tries < portsOfWorker; tries += 1) {
    const port = firstPort + worker * portsOfWorker + next;
    next = (next + 1) % portsOfWorker;
    // The row begins again behind a port that is in use, and where the worker's ports begin again.
    if (row.at(-1) !== port - 1) row.length = 0;
    if (await isPortFree(port)) row.push(port);
    if (row.length === count) return row;
  }
  throw new Error(`no ${count} free ports in a row among those of worker ${worker}`);
}

/** A free port. */
export async function takePort(): Promise<number> {
  const [port = 0] = await takePorts(1);
  return port;
}
