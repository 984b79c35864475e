import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';

/** A member as the peer listener of another lists it. */
export interface PeerMember {
  /** Empty until a member that was added has started and said its name. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** Empty until the member has started once and had a majority. */
  readonly clientUrls: readonly string[];
}

/** What the peer listener of a member says of its cluster. */
export interface PeerAnswer {
  readonly clusterId: string;
  readonly members: readonly PeerMember[];
}

/** A member answers from memory: one that takes longer is not there. */
const askTimeoutMs = 2_000;

/** Asks the peer listeners (host:port), all at once, what they know; those that do not answer are left out. */
export async function askPeers(
  addresses: readonly string[],
  modules: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<readonly PeerAnswer[]> {
  const answers = await Promise.all(addresses.map((address) => askPeer(address, modules)));
  return answers.filter((answer) => answer !== undefined);
}

/** What a peer listener says; undefined when nothing answers there that speaks as etcd does. */
export async function askPeer(
  address: string,
  modules: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<PeerAnswer | undefined> {
  const { clock, signal } = modules;
  const url = `http://${address}/members`;
  try {
    return await withDeadline(clock, url, askTimeoutMs, (deadline) => read(url, deadline), signal);
  } catch {
    signal.throwIfAborted();
    return undefined; // Not there, not yet, or no etcd: all the same to who looks for a cluster.
  }
}

async function read(url: string, signal: AbortSignal): Promise<PeerAnswer | undefined> {
  // A kept connection would be to a process that may be gone by the next question.
  const response = await fetch(url, { signal, headers: { connection: 'close' } });
  const content: unknown = await response.json();
  const clusterId = response.headers.get('x-etcd-cluster-id');
  if (!response.ok || clusterId === null || !Array.isArray(content)) return undefined;
  return { clusterId, members: content.map(readMember) };
}

function readMember(content: unknown): PeerMember {
  const fields: Readonly<Record<string, unknown>> =
    typeof content === 'object' && content !== null ? { ...content } : {};
  const { name, peerURLs, clientURLs } = fields;
  return { name: typeof name === 'string' ? name : '', peerUrls: texts(peerURLs), clientUrls: texts(clientURLs) };
}

function texts(content: unknown): readonly string[] {
  return Array.isArray(content) ? content.filter((each) => typeof each === 'string') : [];
}
