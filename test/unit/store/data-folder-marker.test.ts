import { describe, expect, it } from 'vitest';
import { parseMarker } from '../../../src/store/data-folder-marker.ts';

const marker = { format: 1, nodeId: 'object-1', diskId: 'ab', createdAtMs: 1 };

describe('parseMarker', () => {
  it('reads what a data folder is marked with, and leaves out what it does not know', () => {
    expect(parseMarker(JSON.stringify(marker))).toEqual(marker);
    expect(parseMarker(JSON.stringify({ ...marker, clusterId: 'c', later: true }))).toEqual({
      ...marker,
      clusterId: 'c',
    });
  });

  it.each([
    ['', 'not JSON'],
    ['null', 'not an object'],
    ['{}', 'format undefined'],
    [JSON.stringify({ ...marker, format: '1' }), 'format "1"'],
    [JSON.stringify({ ...marker, nodeId: 7 }), 'lacks'],
    [JSON.stringify({ ...marker, createdAtMs: 'now' }), 'lacks'],
  ])('says why %j is none', (text, problem) => {
    expect(parseMarker(text)).toEqual({ problem: expect.stringContaining(problem) });
  });
});
