import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { render } from 'ink';
import { afterEach, describe, expect, it } from 'vitest';
import { TopologyWatch } from '../../../src/tui/topology-watch.tsx';
import type { WatchSnapshot, WatchSource } from '../../../src/tui/watch-snapshot.ts';
import { sampleSnapshot } from './sample-snapshot.ts';

class FakeTerminal extends EventEmitter {
  readonly columns = 100;
  readonly rows = 30;
  readonly isTTY = true;
  frames: string[] = [];
  write(text: string, ...rest: unknown[]): boolean {
    this.frames.push(text);
    this.emit('frame', text);
    const written = rest.at(-1);
    if (typeof written === 'function') written();
    return true;
  }
  /** Resolves with the first frame from now on that contains `text`. */
  shows(text: string): Promise<void> {
    return new Promise((resolve) => {
      const look = (frame: string) => {
        if (!frame.includes(text)) return;
        this.off('frame', look);
        resolve();
      };
      this.on('frame', look);
    });
  }
}

function fakeStdin() {
  const stream = new PassThrough();
  return Object.assign(stream, { isTTY: true, setRawMode: () => stream, ref: () => stream, unref: () => stream });
}

function sourceOf(first: WatchSnapshot) {
  const listeners = new Set<(snapshot: WatchSnapshot) => void>();
  let now = first;
  const source: WatchSource = {
    current: () => now,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const push = (snapshot: WatchSnapshot) => {
    now = snapshot;
    for (const listener of listeners) listener(snapshot);
  };
  return { source, push, listeners };
}

const apps: { unmount(): void }[] = [];
afterEach(() => {
  for (const app of apps.splice(0)) app.unmount();
});

function open(first = sampleSnapshot()) {
  const stdout = new FakeTerminal();
  const stdin = fakeStdin();
  const { source, push, listeners } = sourceOf(first);
  const shown = stdout.shows('object-3');
  const streams = { stdout, stdin, stderr: stdout } as unknown as {
    stdout: NodeJS.WriteStream;
    stdin: NodeJS.ReadStream;
  };
  const app = render(<TopologyWatch source={source} />, {
    ...streams,
    debug: true,
    patchConsole: false,
    exitOnCtrlC: false,
  });
  apps.push(app);
  return { app, stdin, stdout, push, listeners, shown };
}

describe('the live view', () => {
  it('follows its source', async () => {
    const { stdout, push, shown } = open();
    await shown;
    const next = stdout.shows('DOWN');
    push(sampleSnapshot({ 'object-3': 'DOWN' }));
    await next;
  });

  it('stands still while it is paused and catches up afterwards', async () => {
    const { stdout, stdin, push, listeners, shown } = open();
    await shown;
    const paused = stdout.shows('PAUSED');
    stdin.write('p');
    await paused;
    expect(listeners.size).toBe(0);
    push(sampleSnapshot({ 'object-1': 'DOWN' }));
    const caughtUp = stdout.shows('DOWN');
    stdin.write('p');
    await caughtUp;
  });

  it('ends as interrupted on Ctrl-C', async () => {
    const { app, stdin, shown } = open();
    await shown;
    stdin.write('\u0003');
    await expect(app.waitUntilExit()).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('ends on q', async () => {
    const { app, stdin, shown } = open();
    await shown;
    stdin.write('q');
    await app.waitUntilExit();
  });
});
