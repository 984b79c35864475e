import { describe, expect, it } from 'vitest';
import { changeLines, headerLines, quorumLines } from '../../../src/tui/summary-lines.ts';
import { sampleSnapshot } from './sample-snapshot.ts';

describe('the summary', () => {
  it('says who leads, and says so when nobody does', () => {
    expect(headerLines(sampleSnapshot())[0]).toMatchObject({
      text: expect.stringContaining('leader coordinator-1'),
      tone: 'plain',
    });
    const leaderless = { ...sampleSnapshot(), leaderId: undefined };
    expect(headerLines(leaderless)[0]).toMatchObject({ text: expect.stringContaining('no leader'), tone: 'bad' });
  });

  it('says how old the data is while no coordinator answers', () => {
    const lines = headerLines({ ...sampleSnapshot(), disconnectedMs: 12_000 });
    expect(lines[1]?.text).toBe('disconnected, data 12s old; reconnecting');
  });

  it('counts ranges and partitions in words, not by colour alone', () => {
    const [ring, partitions] = quorumLines(sampleSnapshot({ 'object-1': 'DOWN' }));
    expect(ring).toMatchObject({ text: expect.stringContaining('24 at quorum'), tone: 'warning' });
    expect(partitions).toMatchObject({
      text: 'partitions: 4 of 4 full, 0 at quorum, 0 below, 0 unavailable',
      tone: 'good',
    });
  });

  it('lists the newest changes first, as many as there is room for', () => {
    expect(changeLines(sampleSnapshot(), 5)).toEqual(['22:13:20 v14 object-2 is SUSPECT']);
    expect(changeLines(sampleSnapshot(), 0)).toEqual([]);
  });
});
