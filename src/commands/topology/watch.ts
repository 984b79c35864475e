import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import type { ClusterConnection } from '../../cli/connection.ts';
import { write } from '../../cli/io.ts';
import { toJson } from '../../cli/output/json.ts';
import { parseVersion } from '../../cli/parse-version.ts';
import { TopologyWatchSource } from '../../cli/topology-watch-source.ts';
import { type WatchLine, WatchLines } from '../../cli/watch-lines.ts';

/** Width of a frame of text where there is no terminal to ask. */
const plainColumns = 100;

/** `stratum topology watch` */
export default class TopologyWatch extends ClusterCommand {
  static override id = 'topology:watch';
  static override summary = 'Watch nodes, ring and partitions live';
  static override description =
    'On a terminal: a screen (q quits, p pauses, ? helps). Elsewhere, and with -o json: one JSON object a line with type SNAPSHOT, ADDED, MODIFIED, DELETED, BOOKMARK or ERROR and the version, from which --since resumes.';
  static override examples = [
    'stratum topology watch',
    'stratum topology watch --once',
    'stratum topology watch -o jsonl --since 42',
  ];
  static override flags = {
    once: Flags.boolean({ description: 'Print one frame as text, and end.', exclusive: ['since'] }),
    since: Flags.string({
      description: 'Only what came after this version; without it a SNAPSHOT comes first.',
      helpValue: '<version>',
    }),
  };

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(TopologyWatch);
    const sinceVersion = parseVersion(
      flags.since ?? '0',
      '--since',
      'every line that the watch prints carries its version',
    );
    const settings = await this.settings(flags);
    const clusterName = settings.context.value?.name ?? settings.coordinators.value.join(',');
    const timeoutMs = settings.timeoutMs.value;
    const isScreen =
      this.io.stdinIsTerminal && this.io.stdoutIsTerminal && this.isForPeople && flags.since === undefined;
    await this.withCluster(flags, async (cluster) => {
      if (flags.once) return this.#once(cluster, clusterName);
      if (isScreen) return this.#screen(cluster, clusterName, timeoutMs);
      return this.#lines(cluster, sinceVersion, timeoutMs);
    });
    return undefined;
  }

  async #once(cluster: ClusterConnection, clusterName: string): Promise<void> {
    const { frameText } = await import('../../tui/frame-text.ts');
    const { topology } = await cluster.snapshot();
    const source = new TopologyWatchSource({ clusterName }, { cluster, clock: this.modules.clock });
    async function* onlyOne() {
      yield { kind: 'full-sync', topology } as const;
    }
    await source.follow(onlyOne());
    await source.poll();
    const frame = source.current();
    const columns = this.io.stdoutIsTerminal ? process.stdout.columns : plainColumns;
    if (frame !== undefined) await write(this.io.stdout, frameText(frame, columns));
  }

  async #screen(cluster: ClusterConnection, clusterName: string, timeoutMs: number): Promise<void> {
    const [{ runTopologyWatch }, { followTopology }] = await Promise.all([
      import('../../tui/run-topology-watch.tsx'),
      import('../../cli/follow-topology.ts'),
    ]);
    // An unreachable coordinator is reported before the screen is taken.
    const { topology } = await cluster.snapshot();
    const source = new TopologyWatchSource({ clusterName }, { cluster, clock: this.modules.clock });
    const closed = new AbortController();
    const signal = AbortSignal.any([closed.signal, this.io.interrupted]);
    const sinceVersion = () => source.current()?.topology.version ?? 0n;
    async function* events(follow: ReturnType<typeof followTopology>) {
      yield { kind: 'full-sync', topology } as const;
      yield* follow;
    }
    const following = source.follow(events(followTopology(cluster, { sinceVersion, timeoutMs, signal }, this.modules)));
    const shown = runTopologyWatch({ stdin: process.stdin, stdout: process.stdout }, source);
    try {
      await Promise.race([shown, following]);
    } finally {
      closed.abort();
      await following.catch(() => undefined); // An error has ended the race above and is thrown there.
    }
  }

  async #lines(cluster: ClusterConnection, sinceVersion: bigint, timeoutMs: number): Promise<void> {
    const { followTopology } = await import('../../cli/follow-topology.ts');
    const lines = new WatchLines({ sinceVersion });
    const options = { sinceVersion: () => lines.version, timeoutMs, signal: this.io.interrupted };
    const print = (line: WatchLine) => write(this.io.stdout, `${toJson(line)}\n`);
    for await (const event of followTopology(cluster, options, this.modules)) {
      if (event.kind === 'lost') {
        const { code, message } = event.error;
        await print({ type: 'ERROR', version: lines.version, code, message });
        continue;
      }
      for (const line of lines.linesOf(event)) await print(line);
    }
    this.io.interrupted.throwIfAborted();
  }
}
