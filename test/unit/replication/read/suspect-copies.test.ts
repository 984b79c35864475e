import { describe, expect, it } from 'vitest';
import { oidOf } from '../../../../src/base/oid.ts';
import { SuspectCopies } from '../../../../src/replication/read/suspect-copies.ts';
import { manualClock } from '../../base/manual-clock.ts';

const nodeIds = ['o1', 'o2', 'o3'];
const oid = oidOf(Buffer.from('a blob'));

describe('SuspectCopies', () => {
  it('puts the suspects of a blob last, each in its turn, and leaves other blobs alone', () => {
    const suspects = new SuspectCopies({ clock: manualClock() });
    suspects.add(oid, ['o1']);
    expect(suspects.last(oid, nodeIds)).toEqual(['o2', 'o3', 'o1']);
    suspects.add(oid, ['o2']);
    expect(suspects.last(oid, nodeIds)).toEqual(['o3', 'o1', 'o2']);
    expect(suspects.last(oidOf(Buffer.from('another')), nodeIds)).toEqual(nodeIds);
  });

  it('forgets the oldest of more than 4,096 blobs', () => {
    const suspects = new SuspectCopies({ clock: manualClock() });
    suspects.add(oid, ['o1']);
    for (let count = 0; count < 4_095; count += 1) suspects.add(oidOf(Buffer.from(`${count}`)), ['o1']);
    expect(suspects.last(oid, nodeIds)).not.toEqual(nodeIds);
    for (let count = 0; count < 4_096; count += 1) suspects.add(oidOf(Buffer.from(`more ${count}`)), ['o1']);
    expect(suspects.last(oid, nodeIds)).toEqual(nodeIds);
  });
});
