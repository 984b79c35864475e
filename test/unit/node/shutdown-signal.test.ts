import { createReadStream } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { shutdownSignal } from '../../../src/node/shutdown-signal.ts';
import { recordingLog } from '../base/recording-log.ts';

const names = ['SIGTERM', 'SIGINT'] as const;
const before = new Map<string, unknown[]>();
beforeEach(() => {
  for (const name of names) before.set(name, process.listeners(name));
});
afterEach(() => {
  vi.restoreAllMocks();
  for (const name of names) {
    for (const listener of process.listeners(name)) {
      if (before.get(name)?.includes(listener) !== true) process.removeListener(name, listener);
    }
  }
});

describe('the end of a node that ends with its parent', () => {
  it('comes with the end of a standard input that is a file', async () => {
    const input = createReadStream('/dev/null');
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(input as unknown as typeof process.stdin);
    const signal = shutdownSignal({ withParent: true }, { log: recordingLog() });
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    expect(signal.reason).toBe('standard input ended');
  });
});
