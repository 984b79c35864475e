import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { bundledChild } from './bundled-child.ts';
import type { RefusalReport } from './push-until-refused.ts';
import { command, sampleMetadata, temporaryFolder } from './sample-metadata.ts';

describe('a metadata node whose disk takes no more', () => {
  it('leaves open what it has accepted, refuses what comes then, reads on, and has all that it acknowledged when there is room', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'store');
    const child = await bundledChild('push-until-refused.ts', folder);
    // A file of limited length fails in the middle of a write as a full disk does.
    const limited = ['-c', 'ulimit -f 12000; exec "$0" "$@"', process.execPath, child, path];
    const { stdout } = await promisify(execFile)('sh', limited);
    const report: RefusalReport = JSON.parse(stdout);
    expect(report).toEqual({
      accepted: expect.any(Number),
      refusal: 'CANCELLED',
      small: expect.stringMatching(/^(INTERNAL|DISK_FULL)$/),
      refCount: report.accepted * 500,
    });
    expect(report.accepted).toBeGreaterThan(0);
    const { calls } = await sampleMetadata({ path });
    const { refs, repo } = await calls.getRefs({ repo: 'team/app' });
    expect(refs).toHaveLength(report.refCount);
    const commands = [command('refs/heads/small', '', '1')];
    const { results } = await calls.updateRefs({ repo: 'team/app', repoId: repo?.id ?? '', commands });
    expect(results).toMatchObject([{ updated: true }]);
  });
});
