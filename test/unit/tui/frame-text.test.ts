import { describe, expect, it } from 'vitest';
import { frameText } from '../../../src/tui/frame-text.ts';
import { sampleSnapshot } from './sample-snapshot.ts';

describe('a frame as text', () => {
  it('fits 80 columns and names every node with its state', () => {
    const text = frameText(sampleSnapshot({ 'object-2': 'SUSPECT' }), 80);
    for (const line of text.split('\n').slice(1)) expect(line.length).toBeLessThanOrEqual(80);
    expect(text).toMatch(/object-2 +SUSPECT/);
    expect(text).toMatch(/\* coordinator-1 +ACTIVE/);
    expect(text).toContain('http://127.0.0.1:8480');
    expect(text).toContain('object-2 is SUSPECT');
  });

  it('shows the load where there is room', () => {
    expect(frameText(sampleSnapshot(), 160)).toContain('3.0 GiB stored');
  });
});
