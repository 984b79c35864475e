import { render } from 'ink';
import { TopologyWatch } from './topology-watch.tsx';
import type { WatchSource } from './watch-snapshot.ts';

/** The terminal to draw on. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

/** Shows the live view until q, or rejects with CANCELLED at Ctrl-C; the terminal is then as it was before, also after an error. */
export async function runTopologyWatch(terminal: Terminal, source: WatchSource): Promise<void> {
  const app = render(<TopologyWatch source={source} />, { ...terminal, exitOnCtrlC: false, alternateScreen: true });
  try {
    await app.waitUntilExit();
  } finally {
    app.cleanup();
  }
}
