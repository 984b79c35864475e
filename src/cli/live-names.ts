import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import type { Candidate, CompletionNames } from './completion.ts';
import type { ClusterConnection } from './connection.ts';
import type { ContextStore } from './contexts.ts';
import type { CommandIo } from './io.ts';
import type { CommandModules } from './modules.ts';
import { resolveSettings } from './settings.ts';

/** Who presses Tab does not wait longer, and then gets nothing; in milliseconds. */
const timeoutMs = 1_500;

/** More would fill the terminal, and be typed on anyhow. */
const candidatesMax = 200;

/** What names are asked with. */
export interface LiveNamesModules {
  readonly io: CommandIo;
  readonly clock: Clock;
  readonly connect: CommandModules['connect'];
  readonly contexts: ContextStore;
}

/** Names for completion that the present cluster knows: that of the line's --context or --coordinator. */
export class LiveNames implements CompletionNames {
  readonly #words: readonly string[];
  readonly #modules: LiveNamesModules;

  constructor(options: { readonly words: readonly string[] }, modules: LiveNamesModules) {
    this.#words = options.words;
    this.#modules = modules;
  }

  async contexts(): Promise<readonly string[]> {
    return (await this.#modules.contexts.read()).contexts.map(({ name }) => name);
  }

  nodes(): Promise<readonly Candidate[]> {
    return this.#ask(async (cluster) => {
      const { topology } = await cluster.snapshot();
      const nodes = [...topology.nodes.values()];
      return nodes.map(({ id, roles, state }) => ({ value: id, description: `${roles.join(',')}, ${state}` }));
    });
  }

  partitions(): Promise<readonly Candidate[]> {
    return this.#ask(async (cluster) => {
      const { topology } = await cluster.snapshot();
      return topology.partitions.map(({ id, primaryId }) => ({ value: String(id), description: primaryId }));
    });
  }

  repos(prefix: string): Promise<readonly Candidate[]> {
    return this.#ask(async (cluster) => {
      const metadata = await cluster.metadata();
      const { repos } = await metadata.listRepos({ prefix, pageSize: candidatesMax, pageToken: '' });
      return repos.map(({ name }) => ({ value: name, description: '' }));
    });
  }

  refs(repo: string, prefix: string): Promise<readonly Candidate[]> {
    return this.#ask(async (cluster) => {
      const metadata = await cluster.metadata();
      // Without a beginning these would be all refs, of which there may be very many.
      const prefixes = prefix.startsWith('refs/') ? [prefix] : ['refs/heads/', 'refs/tags/'];
      const { refs } = await metadata.getRefs({ repo, ifGenerationNot: 0n, ifRepoId: '', prefixes });
      const isShort = !prefix.startsWith('refs/');
      return refs.map(({ name, objectId }) => {
        return { value: isShort ? name.replace(/^refs\/(heads|tags)\//, '') : name, description: objectId };
      });
    });
  }

  /** Nothing when the cluster does not answer in time: an error in the middle of a line that is typed helps nobody. */
  async #ask(work: (cluster: ClusterConnection) => Promise<readonly Candidate[]>): Promise<readonly Candidate[]> {
    const { io, clock, connect, contexts } = this.#modules;
    try {
      const flags = { context: this.#flag('--context'), coordinator: this.#flags('--coordinator') };
      const { coordinators } = resolveSettings(flags, io.env, await contexts.read());
      const cluster = await connect({ coordinators: coordinators.value, timeoutMs, signal: io.interrupted });
      try {
        const found = await withDeadline(clock, 'completion', timeoutMs, () => work(cluster), io.interrupted);
        return found.slice(0, candidatesMax);
      } finally {
        await cluster.close();
      }
    } catch {
      return []; // See above.
    }
  }

  #flag(name: string): string | undefined {
    return this.#flags(name)?.at(-1);
  }

  #flags(name: string): readonly string[] | undefined {
    const found = this.#words.flatMap((word, index) => {
      if (word.startsWith(`${name}=`)) return [word.slice(name.length + 1)];
      return word === name ? this.#words.slice(index + 1, index + 2) : [];
    });
    return found.length === 0 ? undefined : found;
  }
}
