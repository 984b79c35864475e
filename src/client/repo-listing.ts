import { asStratumError, type StratumError } from '../base/errors.ts';
import type { ListReposRequest, ListReposResponse, Repo } from '../rpc/gen/stratum/v1/metadata.ts';
import { assignedPartitions } from '../topology/partitioning.ts';
import type { Topology } from '../topology/topology.ts';
import {
  type MetadataCall,
  type MetadataCallLimits,
  type MetadataCallModules,
  mayPass,
  metadataDelayMs,
} from './metadata-call.ts';
import { encodePageToken } from './metadata-page-token.ts';
import { fingerprintOf, type MetadataRoute } from './metadata-routes.ts';
import type { PrimaryHints } from './primary-hints.ts';
import { byListing, listingCursor } from './repo-listing-order.ts';

/** What a listing works with. */
export interface RepoListingModules extends Pick<MetadataCallModules, 'clock' | 'random' | 'topology'> {
  readonly call: MetadataCall;
  readonly hints: PrimaryHints;
}

/** Partitions of one primary. */
interface Group {
  readonly route: MetadataRoute;
  readonly partitions: readonly number[];
}

/** A group whose primary has answered, or not. */
type Outcome = { readonly share: ListReposResponse } | { readonly failure: StratumError; readonly group: Group };

/**
 * One page of the repositories of all partitions, by name. Each partition is asked once for its share: in groups by
 * primary, and those of a group that was refused again by whoever is their primary then, so that none is missed or
 * comes twice while partitions move. A partition that does not answer in time fails the page.
 */
export async function listAllRepos(
  request: ListReposRequest,
  limits: MetadataCallLimits,
  modules: RepoListingModules,
): Promise<ListReposResponse> {
  const shares = await collectShares(request, limits, modules);
  const found = shares.flatMap(({ repos }) => repos).sort(byListing);
  const repos: Repo[] = found.slice(0, request.pageSize);
  const last = repos.at(-1);
  const hasMore = found.length > repos.length || shares.some(({ nextPageToken }) => nextPageToken !== '');
  return { repos, nextPageToken: hasMore && last !== undefined ? encodePageToken(listingCursor(last)) : '' };
}

async function collectShares(
  request: ListReposRequest,
  limits: MetadataCallLimits,
  modules: RepoListingModules,
): Promise<readonly ListReposResponse[]> {
  const { clock, random, topology, call, hints } = modules;
  const deadlineMs = clock.monotonicMs() + limits.timeoutMs;
  const shares: ListReposResponse[] = [];
  /** Undefined until there is a topology that says which there are. */
  let pending: readonly number[] | undefined;
  for (let failures = 1; ; ) {
    limits.signal?.throwIfAborted();
    const routes = (pending ?? [0]).map((partition) => (at: Topology | undefined) => hints.route(at, partition));
    const printOf = (at: Topology | undefined) => fingerprintOf(routes, at);
    const fingerprint = printOf(topology.current());
    const timeoutMs = Math.min(Math.max(1, deadlineMs - clock.monotonicMs()), limits.attemptTimeoutMs);
    const refusals: StratumError[] = [];
    let hasLearned = false;
    try {
      pending ??= assignedPartitions(topology.current()).map(({ id }) => id);
      // One partition that has no primary for a moment is not to hold up the others of its node again and again.
      const sizeMax = Math.ceil(pending.length / 2 ** (failures - 1));
      const groups = groupByPrimary(topology.current(), pending, hints, sizeMax);
      const outcomes = await Promise.all(groups.map((group) => askGroup(group, request, timeoutMs, limits, call)));
      pending = outcomes.flatMap((outcome) => ('failure' in outcome ? outcome.group.partitions : []));
      for (const outcome of outcomes) {
        if ('share' in outcome) shares.push(outcome.share);
        else refusals.push(outcome.failure);
      }
      for (const refusal of refusals) hasLearned = hints.learn(refusal, topology.current()) || hasLearned;
    } catch (error) {
      refusals.push(asStratumError(error));
    }
    limits.signal?.throwIfAborted();
    const [refusal] = refusals;
    if (refusal === undefined) return shares;
    const answer = refusals.find((failure) => !mayPass(failure));
    if (answer !== undefined) throw answer;
    if (hasLearned && clock.monotonicMs() < deadlineMs) continue;
    const delayMs = metadataDelayMs(failures, random);
    if (clock.monotonicMs() + delayMs >= deadlineMs) throw refusal;
    failures += 1;
    await call.pause(printOf, fingerprint, delayMs, limits.signal);
  }
}

async function askGroup(
  group: Group,
  request: ListReposRequest,
  timeoutMs: number,
  { signal }: MetadataCallLimits,
  call: MetadataCall,
): Promise<Outcome> {
  const asked = { ...request, partitions: [...group.partitions] };
  try {
    return {
      share: await call.attempt(
        'listRepos',
        () => asked,
        () => group.route,
        { timeoutMs, signal },
      ),
    };
  } catch (error) {
    return { failure: asStratumError(error), group };
  }
}

function groupByPrimary(
  topology: Topology | undefined,
  partitions: readonly number[],
  hints: PrimaryHints,
  sizeMax: number,
): Group[] {
  const groups = new Map<string, { route: MetadataRoute; partitions: number[] }>();
  for (const partition of partitions) {
    const route = hints.route(topology, partition);
    const key = `${route.nodeId} ${route.address}`;
    const group = groups.get(key) ?? { route, partitions: [] };
    group.partitions.push(partition);
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ route, partitions: all }) =>
    Array.from({ length: Math.ceil(all.length / sizeMax) }, (_, at) => ({
      route,
      partitions: all.slice(at * sizeMax, (at + 1) * sizeMax),
    })),
  );
}
