import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takePorts } from '../e2e/test-ports.ts';
import { StandbyProcess } from './standby-process.ts';

/** One coordinator, which is left alone, and three object nodes, as real processes. */
export class ChaosCluster {
  readonly folder: string;
  readonly nodes: readonly StandbyProcess[];
  /** host:port. */
  readonly coordinatorAddress: string;
  readonly #coordinator: StandbyProcess;

  private constructor(folder: string, program: string, ports: readonly number[]) {
    this.folder = folder;
    const [first = 0, ...rest] = ports;
    this.coordinatorAddress = `127.0.0.1:${first}`;
    this.#coordinator = new StandbyProcess({ id: 'c1', role: 'coordinator', folder, program, port: first });
    this.nodes = rest.map(
      (port, index) => new StandbyProcess({ id: `o${index + 1}`, role: 'object', folder, program, port }),
    );
  }

  /** `program` is the bundled object-process.ts. */
  static async start(program: string): Promise<ChaosCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'stratum-chaos-'));
    const cluster = new ChaosCluster(folder, program, await takePorts(4));
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster.end();
      throw error;
    }
  }

  /** Files of writes that have not ended, or that nobody has cleared away. */
  async unfinishedFiles(): Promise<readonly string[]> {
    const folders = this.nodes.map(({ dataDir }) => join(dataDir, 'object', 'tmp'));
    const files = await Promise.all(folders.map((folder) => readdir(folder)));
    return files.flatMap((names, index) => names.map((name) => join(folders[index] ?? '', name)));
  }

  /** Ends the processes and leaves the folder. */
  async end(): Promise<void> {
    await Promise.all([this.#coordinator, ...this.nodes].map((each) => each.end()));
  }

  async remove(): Promise<void> {
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const coordinators = [this.coordinatorAddress];
    const timings = { heartbeatIntervalMs: 1_000, suspectTimeoutMs: 3_000, downTimeoutMs: 6_000 };
    const all = [this.#coordinator, ...this.nodes];
    await Promise.all(all.map((each) => each.prepare({ coordinators, timings })));
    for (const each of all) each.start();
    await Promise.all(all.map((each) => each.listening()));
  }
}
