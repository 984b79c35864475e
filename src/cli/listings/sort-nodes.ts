import { type Node, nodeRoles } from '../../topology/topology.ts';

/** By the first role and id; "object-10" comes after "object-9". */
export function sortNodes(nodes: Iterable<Node>): readonly Node[] {
  const rank = ({ roles: [first] }: Node) => (first === undefined ? -1 : nodeRoles.indexOf(first));
  return [...nodes].sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id, 'en', { numeric: true }));
}
