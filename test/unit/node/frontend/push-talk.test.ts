import { describe, expect, it } from 'vitest';
import type { ReceivePackRequest } from '../../../../src/git/receive-pack-request.ts';
import type { Exchange } from '../../../../src/node/frontend/exchange.ts';
import { PushTalk } from '../../../../src/node/frontend/push-talk.ts';
import { manualClock } from '../../base/manual-clock.ts';

function talking(options: Partial<ReceivePackRequest>) {
  const sent: string[] = [];
  const gone = new AbortController();
  const exchange = {
    signal: gone.signal,
    begin: () => sent.push('(begin)'),
    offer: (bytes: Buffer) => sent.push(bytes.toString()),
    answer: async (_type: string, chunks: Iterable<Buffer>) => {
      for (const chunk of chunks) sent.push(chunk.toString());
      sent.push('(end)');
    },
  } as unknown as Exchange;
  const clock = manualClock();
  const request = { sideband: true, quiet: false, report: 'v2', ...options } as ReceivePackRequest;
  return { talk: new PushTalk(request, { exchange, clock }), sent, clock, gone };
}

const report = { unpack: 'ok', results: [] };

describe('PushTalk', () => {
  it('shows progress in band 2 and the report in band 1', async () => {
    const { talk, sent } = talking({});
    talk.progress(Buffer.from('50%\r'));
    await talk.report(report);
    expect(sent).toEqual(['(begin)', '0009\x0250%\r', '0017\x01000eunpack ok\n00000000', '(end)']);
  });

  it('shows no progress when quiet, but a message', () => {
    const { talk, sent } = talking({ quiet: true });
    talk.progress(Buffer.from('50%\r'));
    talk.message('look');
    expect(sent).toEqual(['(begin)', '000a\x02look\n']);
    expect(talk.verbose).toBe(false);
  });

  it('without bands says nothing but the report', async () => {
    const { talk, sent, clock } = talking({ sideband: false });
    talk.keepAlive();
    clock.advance(60_000);
    talk.progress(Buffer.from('50%\r'));
    talk.message('look');
    await talk.report(report);
    expect(sent).toEqual(['000eunpack ok\n0000', '(end)']);
  });

  it('gives signs of life until the report', async () => {
    const { talk, sent, clock } = talking({});
    talk.keepAlive();
    talk.keepAlive();
    clock.advance(10_000);
    expect(sent.filter((each) => each === '0005\x01')).toHaveLength(2);
    await talk.report(report);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('says nothing to a client that is gone', () => {
    const { talk, sent, gone } = talking({});
    gone.abort();
    talk.message('hello?');
    expect(sent).toEqual([]);
  });

  it('sends no report to who wants none', async () => {
    const { talk, sent } = talking({ report: 'none' });
    await talk.report(report);
    expect(sent).toEqual(['(end)']);
  });
});
