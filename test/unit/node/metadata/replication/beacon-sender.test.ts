import { describe, expect, it } from 'vitest';
import { BeaconSender } from '../../../../../src/node/metadata/replication/beacon-sender.ts';
import { signedBeaconAck } from '../../../../../src/node/metadata/replication/replication-messages.ts';
import { timingsOf } from '../../../../../src/node/metadata/replication/replication-timings.ts';
import type { BeaconAck, BeaconRequest, BeaconResponse } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { manualClock } from '../../../base/manual-clock.ts';
import { settled } from '../memory-disk.ts';
import { beaconOf, leaseMs } from './sample-replica.ts';

const accepted = (partition: number, epoch = 5n) => signedBeaconAck({ partition, epoch, accepted: true });
const refused = (partition: number, epoch: bigint) => signedBeaconAck({ partition, epoch, accepted: false });

function sender(partitions: readonly number[] = [0, 1]) {
  const clock = manualClock();
  const requests: { request: BeaconRequest; answer: (response: BeaconResponse) => void }[] = [];
  const told: unknown[][] = [];
  const unused = () => expect.unreachable('only beacons are sent');
  const held = { isKnown: true };
  const peer = {
    appendEntries: unused,
    fetchSnapshot: unused,
    beacon: (request: BeaconRequest) => new Promise<BeaconResponse>((answer) => requests.push({ request, answer })),
  };
  const beacons = new BeaconSender(
    { nodeId: 'm1', generation: 4n },
    {
      peers: { peer: () => (held.isKnown ? peer : undefined) },
      clock,
      timings: () => timingsOf(leaseMs),
      stopping: new AbortController().signal,
      source: {
        beaconsFor: () => partitions.map((partition) => beaconOf({ partition })),
        accepted: (peerId, generation, { partition, epoch }, sentMs) =>
          told.push(['accepted', peerId, generation, partition, epoch, sentMs]),
        refused: (partition, epoch) => told.push(['refused', partition, epoch]),
        failed: (peerId, partition) => told.push(['failed', peerId, partition]),
      },
    },
  );
  const answer = async (acks: readonly BeaconAck[], at = requests.length - 1) => {
    requests[at]?.answer({ generation: 9n, acks: [...acks] });
    await settled();
  };
  return { clock, beacons, requests, told, answer, held };
}

describe('BeaconSender', () => {
  it('renews the leases of all partitions with one call, from the moment of its sending', async () => {
    const { clock, beacons, requests, told, answer } = sender();
    clock.advance(70);
    beacons.tick(['m2']);
    clock.advance(300);
    await answer([accepted(0), accepted(1)]);
    expect(requests.map(({ request }) => [request.primaryId, request.generation, request.beacons.length])).toEqual([
      ['m1', 4n, 2],
    ]);
    expect(told).toEqual([
      ['accepted', 'm2', 9n, 0, 5n, 70],
      ['accepted', 'm2', 9n, 1, 5n, 70],
    ]);
  });

  it('tells of a higher epoch, and takes no refusal of an older one for it', async () => {
    const { beacons, told, answer } = sender();
    beacons.tick(['m2']);
    await answer([refused(0, 6n), refused(1, 5n)]);
    expect(told).toEqual([['refused', 0, 6n]]);
  });

  it.each([
    ['of another epoch', [accepted(0, 4n), accepted(1, 6n)]],
    ['for another partition', [accepted(7), accepted(8)]],
    ['that are not there', []],
  ])('takes no acknowledgements %s', async (_, acks) => {
    const { beacons, told, answer } = sender();
    beacons.tick(['m2']);
    await answer(acks);
    expect(told).toEqual([]);
  });

  it('takes nothing of an answer that was damaged on its way', async () => {
    const { beacons, told, answer } = sender();
    beacons.tick(['m2']);
    await answer([accepted(0), { ...refused(1, 6n), accepted: true }]);
    expect(told).toEqual([
      ['failed', 'm2', 0],
      ['failed', 'm2', 1],
    ]);
  });

  it('sends the next ones while one is not answered, and no more than go out within a lease', async () => {
    const { clock, beacons, requests } = sender();
    for (let tick = 0; tick < 9; tick += 1) beacons.tick(['m2']);
    expect(requests).toHaveLength(5);
    beacons.tick(['m3']);
    expect(requests).toHaveLength(6);
    clock.advance(leaseMs);
    await settled();
    beacons.tick(['m2']);
    expect(requests).toHaveLength(7);
  });

  it('sends nothing where it shares nothing', () => {
    const { beacons, requests } = sender([]);
    beacons.tick(['m2']);
    expect(requests).toEqual([]);
  });

  it('takes no harm from a lease that it cannot give back', async () => {
    const { clock, beacons, told, held } = sender();
    beacons.relinquish('m2', beaconOf({ relinquished: true }));
    held.isKnown = false;
    beacons.relinquish('m3', beaconOf({ relinquished: true }));
    clock.advance(leaseMs);
    await beacons.settled();
    expect(told).toEqual([]);
  });
});
