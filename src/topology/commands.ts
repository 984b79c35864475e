import type { NodeRegistration, NodeState } from './topology.ts';

/** What can be asked of the topology. Applied by the pure reducer (reduce.ts); times come with the command. */
export type TopologyCommand =
  | { readonly kind: 'register-node'; readonly atMs: number; readonly node: NodeRegistration }
  | { readonly kind: 'deregister-node'; readonly atMs: number; readonly nodeId: string; readonly generationId: bigint }
  /** From the failure detector and from heartbeats; `generationId` guards against a newer process. */
  | {
      readonly kind: 'set-node-state';
      readonly atMs: number;
      readonly nodeId: string;
      readonly generationId: bigint;
      readonly state: NodeState;
      readonly reason: string;
    };
