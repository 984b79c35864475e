import { StratumError } from '../base/errors.ts';
import { auditOf, type Change } from './change.ts';
import type { SetRingConfig } from './commands.ts';
import { invalidArgument } from './invalid-argument.ts';
import { nodeNotFound } from './node-not-found.ts';
import type { ClusterSettings, Node, Topology } from './topology.ts';
import { validateWeight } from './validate-registration.ts';

/** More copies than this cost more than they protect, and a write waits for the slowest of them. */
const replicationFactorMax = 16;

/**
 * What new copies, quorum and weights change; undefined when all is so already. They can be set
 * until the first ring is formed; UNIMPLEMENTED afterwards, for blobs would have to move.
 * VERSION_CONFLICT when the ring has moved on since the decision, NODE_NOT_FOUND for the weight of
 * an unknown node, INVALID_ARGUMENT for values that cannot work together.
 */
export function ringConfigChange(topology: Topology, command: SetRingConfig): Change | undefined {
  assertEpoch(topology, command);
  const { replicationFactor = topology.ring.replicationFactor, writeQuorum = topology.ring.writeQuorum } = command;
  const settings = { ...topology.settings, replicationFactor, writeQuorum };
  validateCopies(settings, command);
  const nodes = reweighed(topology, command.weights);
  const changesCopies =
    replicationFactor !== topology.ring.replicationFactor || writeQuorum !== topology.ring.writeQuorum;
  if (!changesCopies && nodes.length === 0) return undefined;
  if (topology.ring.epoch > 0n) {
    throw new StratumError('UNIMPLEMENTED', 'changing a ring that holds data is not part of this version', undefined, {
      hint: 'copies, quorum and weights can be set until the first ring is formed',
    });
  }
  const parts = [
    ...(changesCopies ? [`${replicationFactor} copies, write quorum ${writeQuorum}`] : []),
    ...(nodes.length > 0 ? [`weights of ${nodes.length} nodes`] : []),
  ];
  return {
    reason: `ring settings: ${parts.join('; ')}`,
    nodes,
    ...(changesCopies ? { settings, ring: { ...topology.ring, replicationFactor, writeQuorum } } : {}),
    audit: auditOf(command),
  };
}

function assertEpoch({ ring }: Topology, { expectedEpoch }: SetRingConfig): void {
  if (expectedEpoch === ring.epoch) return;
  const details = { what: 'ring epoch', expected: String(expectedEpoch), current: String(ring.epoch) };
  throw new StratumError('VERSION_CONFLICT', `the ring is at epoch ${ring.epoch}, not ${expectedEpoch}`, details, {
    hint: 'look at it again (`stratum ring show`) and repeat the command',
  });
}

/** Names the field that was given, for it is the one that can be mended. */
function validateCopies(settings: ClusterSettings, command: SetRingConfig): void {
  const { replicationFactor, writeQuorum, bootstrapExpectObject } = settings;
  if (!isBetween(replicationFactor, 1, replicationFactorMax)) {
    throw invalidArgument(
      'replication_factor',
      String(replicationFactor),
      `a whole number from 1 to ${replicationFactorMax}`,
    );
  }
  const field = command.writeQuorum === undefined ? 'replication_factor' : 'write_quorum';
  const together = `${replicationFactor} copies with a write quorum of ${writeQuorum}`;
  if (!isBetween(writeQuorum, 1, replicationFactor)) {
    throw invalidArgument(field, together, 'a write quorum from 1 to the number of copies');
  }
  if (writeQuorum > bootstrapExpectObject) {
    const expected = `at most ${bootstrapExpectObject}: the first ring is formed of that many object nodes`;
    throw invalidArgument('write_quorum', String(writeQuorum), expected);
  }
}

/** The nodes whose weight changes. A member's weight is that of the ring: its blobs lie by it. */
function reweighed(topology: Topology, weights: ReadonlyMap<string, number>): readonly Node[] {
  return [...weights].flatMap(([nodeId, weight]) => {
    const node = topology.nodes.get(nodeId);
    if (node === undefined) throw nodeNotFound(nodeId);
    validateWeight(weight, `weights.${nodeId}`);
    const member = topology.ring.nodes.find((candidate) => candidate.nodeId === nodeId);
    return (member ?? node).weight === weight ? [] : [{ ...node, weight }];
  });
}

function isBetween(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
