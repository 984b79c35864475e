import { describe, expect, it } from 'vitest';
import { changeLines, headerLines, quorumLines } from '../../../src/tui/summary-lines.ts';
import { sampleReport } from '../cli/fake-cluster.ts';
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

  it('does not call a cluster leaderless before it was asked', () => {
    const unasked = { ...sampleSnapshot(), leaderId: undefined, leaderTerm: undefined };
    expect(headerLines(unasked)[0]?.text).toContain('leader not known yet, term 2');
  });

  it('says how many members of the consensus are reachable, and when that is too few', () => {
    expect(headerLines(sampleSnapshot())[0]?.text).toBe(
      'demo: leader coordinator-1 (127.0.0.1:7480), term 3, version 14, etcd 3 of 3 members reachable, 6 nodes',
    );
    const isolated = { reports: [sampleReport(1, { hasQuorum: false })], silent: [] };
    expect(headerLines({ ...sampleSnapshot(), survey: isolated })[0]).toMatchObject({
      text: expect.stringContaining('NO QUORUM'),
      tone: 'bad',
    });
    expect(headerLines({ ...sampleSnapshot(), survey: undefined })[0]?.text).toContain('consensus unknown');
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
