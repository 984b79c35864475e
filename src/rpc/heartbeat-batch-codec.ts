import type { HeartbeatBatch } from '../topology/heartbeat-batch.ts';
import { HeartbeatBatch as BatchMessage } from './gen/stratum/v1/coordinator.ts';

/** A batch as the store keeps it. */
export function encodeHeartbeatBatch({ atMs, nodes }: HeartbeatBatch): Uint8Array {
  const message = {
    atMs: BigInt(atMs),
    nodes: nodes.map(({ nodeId, generationId, ageMs, suspicionAgesMs }) => ({
      nodeId,
      generationId,
      ageMs: BigInt(Math.floor(ageMs)),
      suspicionAgesMs: suspicionAgesMs.map((age) => BigInt(Math.floor(age))),
    })),
  };
  return BatchMessage.encode(message).finish();
}

/** A batch from the store; throws on bytes that are none. */
export function decodeHeartbeatBatch(bytes: Uint8Array): HeartbeatBatch {
  const { atMs, nodes } = BatchMessage.decode(bytes);
  return {
    atMs: Number(atMs),
    nodes: nodes.map(({ nodeId, generationId, ageMs, suspicionAgesMs }) => ({
      nodeId,
      generationId,
      ageMs: Number(ageMs),
      suspicionAgesMs: suspicionAgesMs.map(Number),
    })),
  };
}
