import type { TopologyUpdate } from '../topology/topology.ts';
import type { ClusterConnection } from './connection.ts';
import type { Source } from './output/envelope.ts';

/** The applied commands that were asked for. */
export interface HistoryRead {
  /** In version order. */
  readonly updates: readonly TopologyUpdate[];
  /** The version after which they were looked for. */
  readonly sinceVersion: bigint;
  /** Updates up to this version are no longer remembered. */
  readonly keptSinceVersion: bigint;
  readonly source: Source;
}

/** The latest commands after a version, at most `limit`, page after page up to the present one. */
export async function readHistory(
  cluster: ClusterConnection,
  options: { readonly sinceVersion: bigint; readonly limit: number },
): Promise<HistoryRead> {
  const { source } = await cluster.leader();
  const latest = source.version - BigInt(options.limit);
  const sinceVersion = options.sinceVersion > latest ? options.sinceVersion : latest;
  const updates: TopologyUpdate[] = [];
  let keptSinceVersion = 0n;
  for (let at = sinceVersion; updates.length < options.limit; ) {
    const page = await cluster.history(at, options.limit - updates.length);
    keptSinceVersion = page.keptSinceVersion > keptSinceVersion ? page.keptSinceVersion : keptSinceVersion;
    // The history may be cut, or another coordinator may answer that is behind, between two pages.
    const fresh = page.updates.filter(({ version }) => version > at);
    const last = fresh.at(-1);
    if (last === undefined) break;
    updates.push(...fresh);
    at = last.version;
  }
  return { updates, sinceVersion, keptSinceVersion, source };
}
