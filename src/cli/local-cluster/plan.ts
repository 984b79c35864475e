import { StratumError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { type NodeRole, nodeRoles } from '../../topology/topology.ts';
import { type ClusterFile, type LocalNode, portsOf } from './cluster-file.ts';
import { choosePort, isPortFree, loopback } from './ports.ts';

/** What the user wants of a local cluster; what is absent is as it was, or the default. */
export interface ClusterWish {
  readonly name: string;
  /** 1, 3 or 5. */
  readonly coordinators?: number | undefined;
  readonly objects?: number | undefined;
  readonly metadata?: number | undefined;
  readonly frontends?: number | undefined;
  /** Of the first frontend; others follow. 0: kept, or chosen. */
  readonly gitPort?: number | undefined;
  /** Of the first coordinator; others follow. */
  readonly coordinatorPort?: number | undefined;
  /** First of the ports of all nodes' gRPC listeners, in the order of the nodes. */
  readonly basePort?: number | undefined;
  /** Path of the etcd program that several coordinators run. */
  readonly etcdBinary?: string | undefined;
}

/** Nodes of each role unless the user wants another number. */
const defaultCounts: Readonly<Record<NodeRole, number>> = { coordinator: 1, object: 3, metadata: 3, frontend: 1 };

/** The port that people find a frontend on. */
const defaultGitPort = 8480;

/** Nodes and ports of a cluster: those that it has, those that were asked for, and the rest chosen. */
export async function planCluster(
  wish: ClusterWish,
  kept: ClusterFile | undefined,
  random: Random,
): Promise<ClusterFile> {
  refuseEvenCoordinators(wish);
  refuseChangedCounts(wish, kept);
  const counts = countsOf(wish, kept);
  const taken = new Set(kept?.nodes.flatMap(portsOf) ?? []);
  const take = async (): Promise<number> => {
    const port = await choosePort(random, taken);
    taken.add(port);
    return port;
  };
  const nodes: LocalNode[] = [];
  for (const role of nodeRoles) {
    for (let number = 1; number <= counts[role]; number += 1) {
      const id = `${role}-${number}`;
      const known = kept?.nodes.find((node) => node.id === id);
      const port = wishedPort(wish, role, number, nodes.length) ?? known?.port ?? (await take());
      if (role !== 'frontend') nodes.push({ id, role, port });
      else nodes.push({ id, role, port, httpPort: await gitPortOf(wish, number, known, taken, take) });
    }
  }
  const etcdBinary = wish.etcdBinary ?? kept?.etcdBinary;
  const complete = counts.coordinator === 1 ? nodes : await withPeerPorts(nodes, kept, random);
  refuseDoublePorts(complete);
  return { format: 1, name: wish.name, nodes: complete, ...(etcdBinary === undefined ? {} : { etcdBinary }) };
}

/** Chosen last, so that they stay clear of all ports that were asked for. */
async function withPeerPorts(
  nodes: readonly LocalNode[],
  kept: ClusterFile | undefined,
  random: Random,
): Promise<LocalNode[]> {
  const taken = new Set([...nodes, ...(kept?.nodes ?? [])].flatMap(portsOf));
  const result: LocalNode[] = [];
  for (const node of nodes) {
    if (node.role !== 'coordinator') {
      result.push(node);
      continue;
    }
    const known = kept?.nodes.find(({ id }) => id === node.id)?.peerPort;
    const peerPort = known ?? (await choosePort(random, taken));
    taken.add(peerPort);
    result.push({ ...node, peerPort });
  }
  return result;
}

/** PORT_IN_USE for the first node whose port a stranger listens on, with the flag that changes it. */
export async function refuseTakenPorts(nodes: readonly LocalNode[]): Promise<void> {
  for (const { id, role, port, httpPort, peerPort } of nodes) {
    const flag = role === 'coordinator' ? '--coordinator-port' : '--base-port';
    const another = (name: string) => `stop that process, or give another port with ${name}`;
    if (!(await isPortFree(port))) throw portInUse(id, port, another(flag));
    if (httpPort !== undefined && !(await isPortFree(httpPort))) throw portInUse(id, httpPort, another('--git-port'));
    // The other members know it by this port.
    if (peerPort !== undefined && !(await isPortFree(peerPort))) {
      throw portInUse(`the etcd member of ${id}`, peerPort, 'stop that process: the port is fixed');
    }
  }
}

function portInUse(id: string, port: number, hint: string): StratumError {
  return new StratumError(
    'PORT_IN_USE',
    `${id} cannot listen on ${loopback}:${port}: another process does`,
    undefined,
    { hint },
  );
}

function countsOf(wish: ClusterWish, kept: ClusterFile | undefined): Record<NodeRole, number> {
  const had = (role: NodeRole) => kept?.nodes.filter((node) => node.role === role).length ?? defaultCounts[role];
  return {
    coordinator: wish.coordinators ?? had('coordinator'),
    object: wish.objects ?? had('object'),
    metadata: wish.metadata ?? had('metadata'),
    frontend: wish.frontends ?? had('frontend'),
  };
}

function refuseEvenCoordinators({ coordinators }: ClusterWish): void {
  if (coordinators === undefined || coordinators % 2 === 1) return;
  const reason = `${coordinators} coordinators survive the loss of no more than ${coordinators - 1} do`;
  const details = { field: '--coordinators', reason, expected: '1, 3 or 5' };
  throw new StratumError('INVALID_ARGUMENT', `--coordinators: ${reason}`, details, { hint: 'expected 1, 3 or 5' });
}

/**
 * UNIMPLEMENTED for another number of nodes than the cluster has. Placement, partitions and the etcd
 * members are fixed once it has formed: moving data is not part of this version.
 */
export function refuseChangedCounts(wish: ClusterWish, kept: ClusterFile | undefined): void {
  if (kept === undefined) return;
  const wishes = [
    ['coordinator', wish.coordinators, '--coordinators'],
    ['object', wish.objects, '--objects'],
    ['metadata', wish.metadata, '--metadata'],
  ] as const;
  for (const [role, wanted, flag] of wishes) {
    const had = kept.nodes.filter((node) => node.role === role).length;
    if (wanted === undefined || wanted === had) continue;
    const message = `this cluster has ${had} ${role} node${had === 1 ? '' : 's'}, and this version cannot change their number`;
    throw new StratumError('UNIMPLEMENTED', message, undefined, {
      hint: `leave out ${flag}, or make another cluster with --name and --data-dir`,
    });
  }
}

function wishedPort(wish: ClusterWish, role: NodeRole, number: number, index: number): number | undefined {
  if (role === 'coordinator' && wish.coordinatorPort) return wish.coordinatorPort + number - 1;
  return wish.basePort ? wish.basePort + index : undefined;
}

async function gitPortOf(
  wish: ClusterWish,
  number: number,
  known: LocalNode | undefined,
  taken: Set<number>,
  take: () => Promise<number>,
): Promise<number> {
  if (wish.gitPort) return wish.gitPort + number - 1;
  if (known?.httpPort !== undefined) return known.httpPort;
  const usual = defaultGitPort + number - 1;
  if (wish.gitPort === 0 || taken.has(usual) || !(await isPortFree(usual))) return take();
  taken.add(usual);
  return usual;
}

function refuseDoublePorts(nodes: readonly LocalNode[]): void {
  const owners = new Map<number, string>();
  for (const node of nodes) {
    for (const each of portsOf(node)) {
      const other = owners.get(each);
      if (other !== undefined || each > 65_535) {
        const reason = other === undefined ? `there is no port ${each}` : `port ${each} is ${other}'s already`;
        const details = { field: 'ports', reason, expected: 'different ports up to 65535' };
        throw new StratumError('INVALID_ARGUMENT', `${node.id}: ${reason}`, details, {
          hint: 'choose --git-port, --coordinator-port and --base-port apart from each other',
        });
      }
      owners.set(each, node.id);
    }
  }
}
