import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { callUnary } from '../../src/rpc/call.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { GetRefsRequest, MetadataServiceClient } from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { refsOf } from './metadata-direct-pushers.ts';
import type { RecordedRepository } from './metadata-history.ts';

const timeoutMs = 2_000;
const pauseMs = 50;

/**
 * Readers who ask one node each, whoever the primary is: what a node answers that is not the primary any more and does
 * not know it is what clients who follow the topology seldom hear.
 */
export class StubbornReaders {
  readonly #channels = new ChannelPool();
  #isStopped = false;
  #answers = 0;
  readonly #running: Promise<unknown>;

  /** `addresses` are host:port of the nodes. */
  constructor(addresses: readonly string[], modules: { readonly repositories: readonly RecordedRepository[] }) {
    this.#running = Promise.all(addresses.map((address) => this.#readAt(address, modules.repositories)));
  }

  /** Reads that a node answered. */
  get answers(): number {
    return this.#answers;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#channels.close();
  }

  async #readAt(endpoint: string, repositories: readonly RecordedRepository[]): Promise<void> {
    const target = { endpoint, method: 'GetRefs', timeoutMs, clock: systemClock };
    for (let round = 0; !this.#isStopped; round += 1) {
      const repository = repositories[round % repositories.length];
      if (repository === undefined) return;
      const client = this.#channels.client(MetadataServiceClient, endpoint);
      const invocation = repository.read(`at ${endpoint}`);
      try {
        const answer = await callUnary(
          client.getRefs.bind(client),
          GetRefsRequest.create({ repo: repository.name }),
          target,
        );
        invocation.returned({ kind: 'refs', refs: refsOf(answer) });
        this.#answers += 1;
      } catch {
        // A refusal, or silence, is what most of them get most of the time.
        invocation.refused();
      }
      await sleep(pauseMs);
    }
  }
}
