import { describe, expect, it } from 'vitest';
import {
  checkBeacon,
  checkBeaconAck,
  signedBeaconAck,
} from '../../../../../src/node/metadata/replication/replication-messages.ts';
import type { BeaconRequest } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { beaconOf } from '../replication/sample-replica.ts';
import { neverAborted, remotePeer } from './sample-replication.ts';

describe('Beacon', () => {
  it('carries beacons and answers as they are, with the checksums that they were made with', async () => {
    const received: BeaconRequest[] = [];
    const acks = [
      signedBeaconAck({ partition: 1, epoch: 5n, accepted: true }),
      signedBeaconAck({ partition: 2, epoch: 2n ** 60n, accepted: false }),
    ];
    const peer = await remotePeer({
      beacon: async (got) => {
        received.push(got);
        return { generation: 7n, acks };
      },
    });
    const beacons = [
      beaconOf({ partition: 1, committedIndex: 2n ** 60n, committedEpoch: 4n }),
      beaconOf({ partition: 2, relinquished: true }),
    ];
    const request = { primaryId: 'm1', generation: 4n, beacons };
    const answer = await peer.beacon(request, neverAborted);
    expect(received).toEqual([request]);
    for (const beacon of received[0]?.beacons ?? []) checkBeacon(beacon);
    expect(answer).toEqual({ generation: 7n, acks });
    for (const ack of answer.acks) checkBeaconAck(ack);
  });
});
