import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../src/base/errors.ts';
import { assertLeading } from '../../../../src/node/coordinator/assert-leading.ts';
import { follower, otherLeader, sampleConsensus } from './sample-coordinator.ts';

describe('assertLeading', () => {
  it('lets the leader go on', async () => {
    const consensus = await sampleConsensus();
    expect(() => assertLeading(consensus)).not.toThrow();
  });

  it('names the leader to whoever asks another coordinator', async () => {
    const consensus = follower(await sampleConsensus(), otherLeader);
    expect(() => assertLeading(consensus)).toThrow(
      expect.objectContaining({
        code: 'NOT_LEADER',
        details: { leaderId: 'coordinator-2', leaderAddress: '127.0.0.1:7481' },
      }),
    );
  });

  it('answers NO_LEADER when nobody is known to lead', async () => {
    const consensus = follower(await sampleConsensus(), undefined);
    expect(() => assertLeading(consensus)).toThrow(expect.toSatisfy((error) => hasCode(error, 'NO_LEADER')));
  });
});
