import { describe, expect, it } from 'vitest';
import { type CallTracer, TracedNode } from '../../../../src/replication/nodes/traced-node.ts';
import { ScriptedNode } from '../scripted-node.ts';
import { blob, fence, options, source, unreachable } from './sample-call.ts';

function traced() {
  const inner = new ScriptedNode('o1');
  const told: unknown[] = [];
  let depth = 0;
  const tracer: CallTracer = {
    calling: (call) => {
      told.push(call);
      return {
        within: async (work) => {
          depth += 1;
          try {
            return await work();
          } finally {
            depth -= 1;
          }
        },
        end: (result, bytes) => void told.push([result, bytes]),
      };
    },
  };
  return { node: new TracedNode(inner, { tracer }), inner, told, depth: () => depth };
}

const call = { nodeId: 'o1', endpoint: 'o1:1', blobCount: 1 };

describe('TracedNode', () => {
  it('makes each call within its span, and ends that with result and bytes', async () => {
    const { node, inner, told, depth } = traced();
    let seen = 0;
    inner.beforePut = () => {
      seen = depth();
    };
    await node.put(source, fence, options);
    expect(seen).toBe(1);
    await node.getMany([source.oid], options);
    await node.has([source.oid, source.oid], false, options);
    expect(told).toEqual([
      { ...call, method: 'put' },
      ['OK', source.size],
      { ...call, method: 'getMany' },
      ['OK', blob.content.length],
      { ...call, method: 'has', blobCount: 2 },
      ['OK', 0],
    ]);
  });

  it('ends a read’s span with its stream, and a failed one with the code', async () => {
    const { node, inner, told } = traced();
    inner.blobs.set(source.oid, blob.content);
    const { chunks } = await node.get(source.oid, { offset: 5 }, options);
    expect(told).toEqual([{ ...call, method: 'get' }]);
    await Array.fromAsync(chunks);
    expect(told[1]).toEqual(['OK', blob.content.length - 5]);
    inner.beforePut = () => {
      throw unreachable();
    };
    await expect(node.putMany([blob], fence, options)).rejects.toThrow();
    expect(told[3]).toEqual(['UNREACHABLE', blob.content.length]);
  });
});
