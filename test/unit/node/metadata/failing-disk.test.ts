import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { bundledChild } from './bundled-child.ts';
import type { RefusalReport } from './push-until-refused.ts';
import { sampleMetadata, temporaryFolder } from './sample-metadata.ts';

describe('a metadata node whose disk takes no more', () => {
  it('refuses the push whole, lives on, and takes what still fits', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'store');
    const child = await bundledChild('push-until-refused.ts', folder);
    // A file of limited length fails in the middle of a write as a full disk does.
    const limited = ['-c', 'ulimit -f 3000; exec "$0" "$@"', process.execPath, child, path];
    const { stdout } = await promisify(execFile)('sh', limited);
    const report: RefusalReport = JSON.parse(stdout);
    expect(report).toEqual({
      accepted: expect.any(Number),
      refusal: expect.stringMatching(/^(INTERNAL|DISK_FULL)$/),
      small: 'ok',
      refCount: report.accepted * 500 + 1,
    });
    expect(report.accepted).toBeGreaterThan(0);
    const { calls } = await sampleMetadata({ path });
    expect((await calls.getRefs({ repo: 'team/app' })).refs).toHaveLength(report.refCount);
  });
});
