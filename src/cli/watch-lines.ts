import type { WatchEvent } from '../client/watch-event.ts';
import type { Topology, TopologyUpdate } from '../topology/topology.ts';
import { nodeItem } from './listings/node-item.ts';
import { sortedNodes, topologyItem } from './listings/topology-listing.ts';

/** A line of `topology watch` off a terminal. */
export interface WatchLine {
  readonly type: 'SNAPSHOT' | 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  /** The topology's version after what the line tells; a resumed watch begins with --since this. */
  readonly version: bigint;
  readonly kind?: 'Topology' | 'Node' | 'Ring' | 'Partition' | 'Settings';
  readonly reason?: string;
  readonly object?: object;
  readonly code?: string;
  readonly message?: string;
}

/** Turns the events of a watch into lines. Remembers which nodes there are, to tell new ones from changed ones. */
export class WatchLines {
  #nodeIds: Set<string> | undefined;
  #version: bigint;

  constructor(options: { readonly sinceVersion: bigint }) {
    this.#version = options.sinceVersion;
  }

  /** The version that has been told. */
  get version(): bigint {
    return this.#version;
  }

  /** The lines of an event; none for what was told before. */
  linesOf(event: WatchEvent): WatchLine[] {
    switch (event.kind) {
      case 'full-sync':
        return this.#snapshot(event.topology);
      case 'update':
        return event.update.version > this.#version ? this.#update(event.update) : [];
      case 'keepalive':
        return [{ type: 'BOOKMARK', version: this.#version }];
      case 'lagged':
        return []; // The full sync that follows tells all that was missed.
    }
  }

  #snapshot(topology: Topology): WatchLine[] {
    this.#nodeIds = new Set(topology.nodes.keys());
    this.#version = topology.version;
    const object = { ...topologyItem(topology), nodes: sortedNodes(topology) };
    return [{ type: 'SNAPSHOT', version: topology.version, kind: 'Topology', object }];
  }

  #update(update: TopologyUpdate): WatchLine[] {
    const { version, reason, nodesChanged, nodesRemoved, partitionsChanged, ring, settings } = update;
    this.#version = version;
    const about = { version, reason };
    const lines: WatchLine[] = nodesChanged.map((node) => {
      // Without a snapshot, a node is new when this very command registered it.
      const isNew = this.#nodeIds === undefined ? node.registeredAtMs === update.atMs : !this.#nodeIds.has(node.id);
      this.#nodeIds?.add(node.id);
      return { type: isNew ? 'ADDED' : 'MODIFIED', ...about, kind: 'Node', object: nodeItem(node) };
    });
    for (const id of nodesRemoved) {
      this.#nodeIds?.delete(id);
      lines.push({ type: 'DELETED', ...about, kind: 'Node', object: { id } });
    }
    if (ring !== undefined) lines.push({ type: 'MODIFIED', ...about, kind: 'Ring', object: ring });
    for (const object of partitionsChanged) lines.push({ type: 'MODIFIED', ...about, kind: 'Partition', object });
    if (settings !== undefined) lines.push({ type: 'MODIFIED', ...about, kind: 'Settings', object: settings });
    return lines;
  }
}
