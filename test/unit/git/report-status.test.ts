import { describe, expect, it } from 'vitest';
import { encodePushAnswer, encodeReportStatus } from '../../../src/git/report-status.ts';

describe('encodeReportStatus', () => {
  it('says how the pack and each ref fared', () => {
    const report = {
      unpack: 'ok',
      results: [
        { name: 'refs/heads/a', error: undefined },
        { name: 'refs/heads/b', error: 'non-fast-forward' },
      ],
    };
    expect(encodeReportStatus(report).toString()).toBe(
      '000eunpack ok\n0014ok refs/heads/a\n0025ng refs/heads/b non-fast-forward\n0000',
    );
  });

  it('keeps a message to one line, whatever is in it', () => {
    const text = encodeReportStatus({ unpack: 'bad\nok refs/heads/x\0', results: [] }).toString();
    expect(text).toBe('0020unpack bad ok refs/heads/x \n0000');
  });

  it('cuts a message that no pkt-line holds', () => {
    expect(() => encodeReportStatus({ unpack: 'x'.repeat(70_000), results: [] })).not.toThrow();
  });
});

describe('encodePushAnswer', () => {
  it('puts the report into band 1 when bands were negotiated', () => {
    const report = { unpack: 'ok', results: [] };
    expect(encodePushAnswer(report, false).toString()).toBe('000eunpack ok\n0000');
    expect(encodePushAnswer(report, true).toString()).toBe('0017\x01000eunpack ok\n00000000');
  });
});
