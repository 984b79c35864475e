import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { JournaledMetadataStore } from '../../../../../src/node/metadata/journaled-metadata-store.ts';
import { encodeHeader } from '../../../../../src/node/metadata/replication/partition-header.ts';
import { readSnapshot, writeSnapshot } from '../../../../../src/node/metadata/replication/snapshot-transfer.ts';
import type { FetchSnapshotRequest } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { temporaryFolder } from '../sample-metadata.ts';
import { neverAborted, remotePeer } from './sample-replication.ts';

const applied = { index: 40n, epoch: 4n };

describe('FetchSnapshot', () => {
  it('brings a partition from one disk to another', async () => {
    const [source, copy] = [
      await JournaledMetadataStore.open(await temporaryFolder()),
      await JournaledMetadataStore.open(await temporaryFolder()),
    ];
    const rows = Array.from({ length: 2_000 }, (_, at) => ({
      key: Buffer.from(`r${at}`),
      value: Buffer.alloc(500, at),
    }));
    await source.commit((to) => {
      to.writeState(3, rows);
      to.writeHeader(3, encodeHeader({ applied, base: applied, epoch: 5n, isPartial: false }));
    });
    const asked: FetchSnapshotRequest[] = [];
    const peer = await remotePeer({
      fetchSnapshot: (request) => {
        asked.push(request);
        return readSnapshot(source, request.partition);
      },
    });
    const messages = peer.fetchSnapshot({ partition: 3, epoch: 5n }, neverAborted);
    expect(await writeSnapshot(copy, 3, messages)).toEqual(applied);
    expect(asked).toEqual([{ partition: 3, epoch: 5n }]);
    const found = copy.read((reader) => rows.filter(({ key, value }) => reader.state(3).get(key)?.equals(value)));
    expect(found).toHaveLength(rows.length);
    await Promise.all([source.close(), copy.close()]);
  });

  it('tells that the node is not the primary', async () => {
    const peer = await remotePeer({
      fetchSnapshot: () => {
        throw new StratumError('NOT_PRIMARY', 'another one is', { partition: 3, epoch: 6n, primaryId: 'm3' });
      },
    });
    const first = async () => {
      for await (const message of peer.fetchSnapshot({ partition: 3, epoch: 5n }, neverAborted)) return message;
      return undefined;
    };
    await expect(first()).rejects.toMatchObject({ code: 'NOT_PRIMARY', details: { primaryId: 'm3' } });
  });

  it('breaks off with its caller’s signal', async () => {
    const controller = new AbortController();
    const peer = await remotePeer({
      fetchSnapshot: async function* () {
        yield { rows: [], checksum: 0, end: undefined };
        await new Promise(() => undefined);
      },
    });
    const all = async () => {
      for await (const _message of peer.fetchSnapshot({ partition: 3, epoch: 5n }, controller.signal)) {
        controller.abort(new Error('gone'));
      }
    };
    await expect(all()).rejects.toThrow('gone');
  });
});
