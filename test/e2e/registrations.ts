import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { asStratumError } from '../../src/base/errors.ts';
import type { CoordinatorClient } from '../../src/client/coordinator-client.ts';
import { callUnary } from '../../src/rpc/call.ts';
import type { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { CoordinatorServiceClient } from '../../src/rpc/gen/stratum/v1/coordinator.ts';
import { encodeRegistration } from '../../src/rpc/topology-codec.ts';
import type { NodeRegistration, TopologyUpdate } from '../../src/topology/topology.ts';

/** Between two changes: five versions a second. */
const pauseMs = 200;

/** For one change, tries at all coordinators included. */
const timeoutMs = 4_000;

const generationId = 1n;

/** Nodes that nobody runs, as they would register: versions come of them, and nothing else. */
export function imaginedNode(id: string): NodeRegistration {
  return {
    id,
    generationId,
    roles: ['frontend'],
    address: '127.0.0.1:9',
    httpUrl: '',
    labels: {},
    weight: 100,
    diskId: '',
    softwareVersion: 'imagined',
    capacityBytes: 0n,
  };
}

/** How a registration ended. */
export type Outcome = 'done' | 'unknown';

/** Registers and deregisters nodes one after the other, through whichever coordinator takes it. */
export class Registrations {
  /** By node id. */
  readonly registered = new Map<string, Outcome>();
  readonly deregistered = new Map<string, Outcome>();
  /** Why outcomes are unknown, for people. */
  readonly failures: string[] = [];
  readonly #client: CoordinatorClient;
  readonly #prefix: string;
  #isPaused = false;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: { readonly prefix: string }, modules: { readonly client: CoordinatorClient }) {
    this.#prefix = options.prefix;
    this.#client = modules.client;
  }

  start(): void {
    this.#running = this.#run();
  }

  resume(): void {
    this.#isPaused = false;
    this.start();
  }

  /** Resolves when nothing is under way and no node of its own is left in the topology. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#running;
    for (const id of this.registered.keys()) {
      if (this.deregistered.get(id) === 'done') continue;
      await this.#client.deregisterNode(id, generationId, { timeoutMs: 20_000 });
      this.deregistered.set(id, 'done');
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isPaused && !this.#isStopped) {
      const id = `${this.#prefix}-${this.registered.size + 1}`;
      this.registered.set(id, 'unknown');
      this.registered.set(id, await this.#outcome(this.#client.registerNode(imaginedNode(id), { timeoutMs })));
      await sleep(pauseMs);
      if (this.registered.get(id) === 'unknown') continue;
      this.deregistered.set(id, await this.#outcome(this.#client.deregisterNode(id, generationId, { timeoutMs })));
      await sleep(pauseMs);
    }
  }

  async #outcome(call: Promise<unknown>): Promise<Outcome> {
    try {
      await call;
      return 'done';
    } catch (error) {
      const { code, message } = asStratumError(error);
      this.failures.push(`${code}: ${message}`);
      return 'unknown';
    }
  }
}

/** Sends a registration to one coordinator, once, and waits as long as it takes; gives "done" or the code of the refusal. */
export async function registerOnceAt(address: string, id: string, channels: ChannelPool): Promise<string> {
  const client = channels.client(CoordinatorServiceClient, address);
  const target = { endpoint: address, method: 'RegisterNode', timeoutMs: 60_000, clock: systemClock };
  try {
    const request = { node: encodeRegistration(imaginedNode(id)), afterCleanStop: true };
    await callUnary(client.registerNode.bind(client), request, target);
    return 'done';
  } catch (error) {
    return asStratumError(error).code;
  }
}

/** How often the updates register each node, and how often they remove it. */
export function countChanges(updates: Iterable<TopologyUpdate>): {
  readonly registered: ReadonlyMap<string, number>;
  readonly removed: ReadonlyMap<string, number>;
} {
  const registered = new Map<string, number>();
  const removed = new Map<string, number>();
  for (const { nodesChanged, nodesRemoved } of updates) {
    for (const { id } of nodesChanged) registered.set(id, (registered.get(id) ?? 0) + 1);
    for (const id of nodesRemoved) removed.set(id, (removed.get(id) ?? 0) + 1);
  }
  return { registered, removed };
}
