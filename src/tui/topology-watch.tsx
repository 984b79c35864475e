import { useApp, useInput, useWindowSize } from 'ink';
import { useEffect, useState } from 'react';
import { StratumError } from '../base/errors.ts';
import { TopologyScreen } from './topology-screen.tsx';
import type { WatchSource } from './watch-snapshot.ts';

/** The live view with its keys; q ends the Ink app, Ctrl-C ends it with CANCELLED. */
export function TopologyWatch({ source }: { readonly source: WatchSource }) {
  const { exit } = useApp();
  const { columns, rows } = useWindowSize();
  const [snapshot, setSnapshot] = useState(source.current());
  const [paused, setPaused] = useState(false);
  const [help, setHelp] = useState(false);
  useEffect(() => {
    if (paused) return undefined;
    setSnapshot(source.current());
    return source.subscribe(setSnapshot);
  }, [source, paused]);
  useInput((input, key) => {
    if (key.ctrl && input === 'c') exit(new StratumError('CANCELLED', 'interrupted'));
    if (input === 'q') exit();
    if (input === 'p') setPaused((now) => !now);
    if (input === '?') setHelp((now) => !now);
  });
  return <TopologyScreen snapshot={snapshot} columns={columns} rows={rows} paused={paused} help={help} />;
}
