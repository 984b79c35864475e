import { describe, expect, it } from 'vitest';
import { StderrTail } from '../../../src/git/stderr-tail.ts';

describe('StderrTail', () => {
  it('keeps the last bytes only', () => {
    const tail = new StderrTail(10);
    for (let at = 0; at < 100; at += 1) tail.add(Buffer.from(`line ${at}\n`));
    expect(tail.lines).toEqual(['8', 'line 99']);
  });

  it('shows the last state of a progress display and no empty lines', () => {
    const tail = new StderrTail(1000);
    tail.add(Buffer.from('Counting: 1%\rCounting: 100%\n\n  fatal: no\n'));
    expect(tail.lines).toEqual(['Counting: 100%', 'fatal: no']);
  });
});
