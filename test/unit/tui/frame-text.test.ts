import { describe, expect, it } from 'vitest';
import { frameText } from '../../../src/tui/frame-text.ts';
import { sampleReport } from '../cli/fake-cluster.ts';
import { sampleSnapshot } from './sample-snapshot.ts';

const linesOf = (text: string) => text.split('\n');

describe('a frame as text', () => {
  it.each([40, 60, 80, 100, 160])('stays within %i columns and cuts no word', (columns) => {
    const text = frameText(sampleSnapshot({ 'object-2': 'SUSPECT' }), columns);
    for (const line of linesOf(text)) expect(line.length).toBeLessThanOrEqual(columns);
    expect(text).not.toContain('…');
  });

  it('names every node with state, age, flaps and generation in 80 columns', () => {
    const text = frameText(sampleSnapshot({ 'object-2': 'SUSPECT' }), 80);
    expect(text).toMatch(/ {2}node +state +heartbeat +age +flaps +generation +address\n/);
    expect(text).toMatch(/object-2 +SUSPECT +[#.|]{10} +1\.5s +0 +1763730000000 127\.0\.0\.1:7480\n/);
    expect(text).toMatch(/\* coordinator-1 +ACTIVE/);
    expect(text).toContain('object-2 is SUSPECT');
  });

  it('gives the address of a frontend where its URL has no room', () => {
    expect(frameText(sampleSnapshot(), 80)).toMatch(/frontend-1 .*127\.0\.0\.1:7480\n/);
    expect(frameText(sampleSnapshot(), 100)).toMatch(/frontend-1 .*http:\/\/127\.0\.0\.1:8480/);
  });

  it('shows the load where there is room', () => {
    expect(frameText(sampleSnapshot(), 160)).toContain('3.0 GiB stored 90.0 MiB memory');
    expect(frameText(sampleSnapshot(), 80)).not.toContain('GiB');
  });

  it('says of each coordinator what it is, where it stands and whether the quorum holds', () => {
    const survey = {
      reports: [sampleReport(1), sampleReport(4, { hasQuorum: false, ageMs: 61_000 })],
      silent: [],
    };
    const text = frameText({ ...sampleSnapshot(), survey }, 100);
    expect(text).toContain('    leader, term 3, applied 100, committed 101, quorum holds\n');
    expect(text).toMatch(/coordinator-4 \(not registered\): follower, .*NO QUORUM,\n? +topology 1m1s old/);
  });

  it('says why a coordinator does not report', () => {
    const survey = { reports: [], silent: [{ node: 'coordinator-1', reason: 'refused', answers: false }] };
    expect(frameText({ ...sampleSnapshot(), survey }, 80)).toContain('    does not report: refused\n');
  });
});
