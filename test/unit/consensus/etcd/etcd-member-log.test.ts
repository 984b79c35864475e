import { closeSync, mkdtempSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MiB } from '../../../../src/base/units.ts';
import { EtcdMemberLog } from '../../../../src/consensus/etcd/etcd-member-log.ts';

let folder: string;
let log: EtcdMemberLog;
let descriptor: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-member-log-'));
  log = new EtcdMemberLog(join(folder, 'etcd.log'));
  descriptor = log.open();
});
afterEach(() => {
  closeSync(descriptor);
  rmSync(folder, { recursive: true });
});

describe('the log of an etcd member', () => {
  it('shows the lines of the last run alone', () => {
    writeSync(descriptor, 'first run\n');
    const second = log.open();
    expect(log.lastLines()).toEqual([]);
    writeSync(second, 'second run\n\nand its end\n');
    closeSync(second);
    expect(log.lastLines()).toEqual(['second run', 'and its end']);
  });

  it('is set aside when it is large, while the process goes on writing', () => {
    writeSync(descriptor, 'little\n');
    log.trim();
    expect(log.lastLines()).toEqual(['little']);
    writeSync(descriptor, Buffer.alloc(8 * MiB, 'x'));
    log.trim();
    expect(statSync(log.path).size).toBe(0);
    expect(statSync(`${log.path}.1`).size).toBe(8 * MiB + 7);
    writeSync(descriptor, 'after\n');
    expect(statSync(log.path).size).toBe(6);
    expect(log.lastLines()).toEqual(['after']);
  });

  it('shows nothing when somebody has deleted it', () => {
    rmSync(log.path);
    expect(log.lastLines()).toEqual([]);
  });
});
