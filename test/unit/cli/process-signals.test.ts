import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ProcessSignals, withoutSignalListeners } from '../../../src/cli/process-signals.ts';

describe('signals', () => {
  it('go to whoever took them over last, and back when they are given back', () => {
    const emitter = new EventEmitter();
    const heard: string[] = [];
    const signals = new ProcessSignals(emitter, (signal) => heard.push(`default ${signal}`));
    emitter.emit('SIGINT');
    const giveBackFirst = signals.handle((signal) => heard.push(`first ${signal}`));
    const giveBackSecond = signals.handle((signal) => heard.push(`second ${signal}`));
    emitter.emit('SIGTERM');
    giveBackSecond();
    emitter.emit('SIGHUP');
    giveBackFirst();
    giveBackFirst();
    emitter.emit('SIGINT');
    expect(heard).toEqual(['default SIGINT', 'second SIGTERM', 'first SIGHUP', 'default SIGINT']);
  });
});

describe('loading a library that listens to signals', () => {
  it('leaves only the listeners that were there before', async () => {
    const ours = () => undefined;
    const theirs = () => undefined;
    process.on('SIGHUP', ours);
    try {
      const loaded = await withoutSignalListeners(async () => {
        process.once('SIGHUP', theirs);
        return 'library';
      });
      expect(loaded).toBe('library');
      expect(process.listeners('SIGHUP')).toContain(ours);
      expect(process.listeners('SIGHUP')).not.toContain(theirs);
    } finally {
      process.off('SIGHUP', ours);
    }
  });
});
