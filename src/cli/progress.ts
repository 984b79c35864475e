import type { CommandIo } from './io.ts';
import { usesColour, write } from './io.ts';

/** Tells a person how long work goes on. */
export interface Progress {
  /** What is being done now. */
  update(text: string): void;
  /** Ends with a last line; without text the line disappears. */
  end(text?: string): void;
}

/** A spinner on stderr of a terminal; elsewhere plain lines, one for each change. */
export async function startProgress(text: string, io: CommandIo): Promise<Progress> {
  return io.stderrIsTerminal && usesColour(io.env, true) ? spinner(text, io) : lines(text, io);
}

async function spinner(text: string, io: CommandIo): Promise<Progress> {
  const { default: ora } = await import('ora');
  // discardStdin would put the terminal in raw mode, where Ctrl-C is a key and not a signal.
  const active = ora({ text, stream: io.stderr as NodeJS.WriteStream, discardStdin: false }).start();
  return {
    update: (next) => {
      active.text = next;
    },
    end: (last) => {
      if (last === undefined) active.stop();
      else active.stopAndPersist({ text: last, symbol: '' });
    },
  };
}

function lines(text: string, io: CommandIo): Progress {
  let shown = '';
  const show = (next: string) => {
    if (next === shown) return;
    shown = next;
    // Progress is worth nothing when nobody reads it: a closed stderr must not end the work.
    write(io.stderr, `${next}\n`).catch(() => undefined);
  };
  show(text);
  return { update: show, end: (last) => (last === undefined ? undefined : show(last)) };
}
