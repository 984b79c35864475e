import { renderToString } from 'ink';
import { describe, expect, it } from 'vitest';
import { TopologyScreen } from '../../../src/tui/topology-screen.tsx';
import { sampleSnapshot } from './sample-snapshot.ts';

const draw = (columns: number, rows: number, extra: { paused?: boolean; help?: boolean } = {}) =>
  renderToString(
    <TopologyScreen
      snapshot={sampleSnapshot()}
      columns={columns}
      rows={rows}
      paused={extra.paused ?? false}
      help={extra.help ?? false}
    />,
    { columns },
  );

describe('the screen', () => {
  it('fits a terminal of 80 by 24', () => {
    const lines = draw(80, 24).split('\n');
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(lines.join('\n')).toContain('object-3');
    expect(lines.at(-1)).toContain('q quit');
  });

  it('leaves changes out before it scrolls', () => {
    expect(draw(80, 14)).not.toContain('last changes');
    expect(draw(80, 40)).toContain('object-2 is SUSPECT');
  });

  it('cuts no word at 80 columns, and says how much a low window leaves out', () => {
    expect(draw(80, 40)).not.toContain('…');
    const lines = draw(80, 8).split('\n');
    expect(lines.length).toBeLessThanOrEqual(8);
    expect(lines.at(-2)).toMatch(/^… \d+ more lines/);
  });

  it('says that it is paused, and explains its keys', () => {
    expect(draw(80, 24, { paused: true })).toContain('PAUSED');
    expect(draw(120, 24, { help: true })).toContain('p pause');
  });

  it('waits in words for the first answer', () => {
    const text = renderToString(
      <TopologyScreen snapshot={undefined} columns={80} rows={24} paused={false} help={false} />,
    );
    expect(text).toContain('waiting for a coordinator');
  });
});
