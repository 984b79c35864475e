import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalCluster, stratumBinary } from './local-cluster.ts';

const MiB = 1024 * 1024;
const blobBytes = 1024 * MiB;
/** What the project promises for every process while a blob of 1 GiB goes in and out. */
const residentBytesMax = 200_000_000;

describe('a blob of 1 GiB', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await LocalCluster.start();
  });
  afterAll(() => cluster?.remove());

  it('goes in and out with under 200 MB of memory in every process', async () => {
    const input = join(cluster.folder, 'input.bin');
    const output = join(cluster.folder, 'output.bin');
    const expected = await writeNoise(input, blobBytes);
    const put = await watched(cluster, ['object', 'put', input, '-o', 'json']);
    expect(put.stdout).toContain(expected);
    const get = await watched(cluster, ['object', 'get', expected, '--output', output]);
    expect(await sha256(output)).toBe(expected);

    const peaks = new Map([
      ['object put', put.peakBytes],
      ['object get', get.peakBytes],
    ]);
    for (const { id, pid } of await cluster.processes()) peaks.set(id, peakResidentBytes(pid));
    const inMiB = Object.fromEntries([...peaks].map(([what, bytes]) => [what, Math.round(bytes / MiB)]));
    console.log('peak resident memory in MiB:', JSON.stringify(inMiB));
    expect(Math.max(...peaks.values()), JSON.stringify(inMiB)).toBeLessThan(residentBytesMax);
  });
});

/** Writes bytes that do not compress; gives their SHA-256. */
async function writeNoise(path: string, bytes: number): Promise<string> {
  const block = createHash('sha256').update('noise').digest();
  const chunk = Buffer.alloc(MiB);
  for (let at = 0; at < chunk.length; at += block.length) createHash('sha256').update(`${at}`).digest().copy(chunk, at);
  const hash = createHash('sha256');
  const file = await open(path, 'w');
  for (let index = 0; index < bytes / MiB; index += 1) {
    chunk.writeUInt32BE(index);
    hash.update(chunk);
    await file.write(chunk);
  }
  await file.close();
  return hash.digest('hex');
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** The highest resident memory that the kernel has seen of a process. */
function peakResidentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const peak = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
  if (peak === undefined) throw new Error(`no VmHWM for process ${pid}`);
  return Number(peak) * 1024;
}

/** Runs a command and looks at its memory until it ends. */
async function watched(target: LocalCluster, args: readonly string[]): Promise<{ stdout: string; peakBytes: number }> {
  const child = spawn(stratumBinary, args, { env: { PATH: process.env.PATH, ...target.env } });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  let peakBytes = 0;
  const look = setInterval(() => {
    if (child.pid !== undefined && child.exitCode === null) {
      try {
        peakBytes = Math.max(peakBytes, peakResidentBytes(child.pid));
      } catch {
        // The process ended between the check and the look.
      }
    }
  }, 50);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(look);
  if (code !== 0) throw new Error(`stratum ${args.join(' ')} ended with ${code}: ${output.stderr}`);
  return { stdout: output.stdout, peakBytes };
}
