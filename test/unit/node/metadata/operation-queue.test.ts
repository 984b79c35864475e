import { describe, expect, it, onTestFinished } from 'vitest';
import { MetadataStore, type StoreTransaction } from '../../../../src/node/metadata/metadata-store.ts';
import { OperationQueue, type OperationQueueOptions } from '../../../../src/node/metadata/operation-queue.ts';
import { PrimaryDuties } from '../../../../src/node/metadata/primary-duties.ts';
import { RefsCache } from '../../../../src/node/metadata/refs-cache.ts';
import { CreateRepoRequest, UpdateRefsRequest } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { command, id, temporaryFolder } from './sample-metadata.ts';
import { heldTopology, metadataCluster } from './sample-topology.ts';

/** A queue over a real store whose commits are counted, can be held back, and can be made to fail. */
async function openQueue(options: OperationQueueOptions = {}) {
  const store = MetadataStore.open(await temporaryFolder());
  onTestFinished(() => store.close());
  const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:7501' }, { partitions: 1 }));
  const batches: number[] = [];
  const gate = { open: Promise.resolve(), failure: undefined as Error | undefined };
  const commit = async <T>(work: (transaction: StoreTransaction) => T): Promise<T> => {
    await gate.open;
    return store.commit((transaction) => {
      let entries = 0;
      const result = work({
        ...transaction,
        appendLog: (...entry) => {
          entries += 1;
          transaction.appendLog(...entry);
        },
      });
      batches.push(entries);
      if (gate.failure !== undefined) throw gate.failure;
      return result;
    });
  };
  const log = recordingLog();
  const refs = new RefsCache();
  const queue = new OperationQueue(options, {
    store: Object.assign(Object.create(store) as MetadataStore, { commit }),
    duties: new PrimaryDuties({ nodeId: 'm1' }, { topology }),
    refs,
    clock: manualClock(),
    log,
  });
  const submit = (name: string, { bytes = 10, signal = new AbortController().signal } = {}) => {
    const value = {
      request: CreateRepoRequest.create({ name }),
      repoId: Buffer.from(name).toString('hex').padEnd(32, '0'),
    };
    return queue.submit<'createRepo'>(name, { $case: 'createRepo', value }, { bytes, signal });
  };
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate.open = promise;
    return resolve;
  };
  return { queue, submit, hold, batches, gate, topology, log, refs };
}

const names = (count: number) => Array.from({ length: count }, (_, at) => `a/${at}`);

describe('OperationQueue', () => {
  it('commits together what came in while a commit was under way', async () => {
    const { submit, hold, batches } = await openQueue();
    const release = hold();
    const created = names(50).map((name) => submit(name));
    release();
    expect((await Promise.all(created)).map(({ name }) => name)).toEqual(names(50));
    expect(batches).toEqual([50]);
  });

  it('splits what is too much for one commit, in order', async () => {
    const { submit, hold, batches } = await openQueue({ batchMax: 20 });
    const release = hold();
    const created = names(50).map((name) => submit(name));
    release();
    await Promise.all(created);
    expect(batches).toEqual([20, 20, 10]);
  });

  it('refuses one operation of a commit without harm to the others', async () => {
    const { submit, hold } = await openQueue();
    const release = hold();
    const created = ['a/1', 'a/2', 'a/1', 'a/3'].map((name) => submit(name));
    release();
    const settled = await Promise.allSettled(created);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  });

  it.each([
    ['operations', { waitingMax: 3 }, 10],
    ['bytes', { waitingBytesMax: 30 }, 10],
  ])('refuses more than its bound of %s, and takes new ones when there is room again', async (_, options, bytes) => {
    const { submit, hold } = await openQueue(options);
    const release = hold();
    const accepted = names(3).map((name) => submit(name, { bytes }));
    await expect(submit('a/more', { bytes })).rejects.toMatchObject({
      code: 'OVERLOADED',
      details: { retryAfterMs: expect.any(Number) },
    });
    release();
    await Promise.all(accepted);
    await expect(submit('a/more', { bytes })).resolves.toMatchObject({ name: 'a/more' });
  });

  it('takes one operation of any size when nothing waits', async () => {
    const { submit } = await openQueue({ waitingBytesMax: 30 });
    await expect(submit('a/large', { bytes: 1_000 })).resolves.toMatchObject({ name: 'a/large' });
  });

  it('drops an operation whose caller went away while it waited', async () => {
    const { submit, hold } = await openQueue();
    const release = hold();
    const caller = new AbortController();
    const gone = submit('a/1', { signal: caller.signal });
    const other = submit('a/2');
    caller.abort(new Error('gone'));
    release();
    await expect(gone).rejects.toThrow('gone');
    await other;
    await expect(submit('a/1')).resolves.toMatchObject({ name: 'a/1' });
  });

  it('asks again who is the primary when the turn of an operation comes', async () => {
    const { submit, hold, topology } = await openQueue();
    const release = hold();
    const late = submit('a/1');
    topology.set(metadataCluster({ m2: '127.0.0.1:7502' }, { partitions: 1, epoch: 2n }));
    release();
    await expect(late).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
  });

  it('fails all operations of a commit that fails, logs it, and goes on with the next', async () => {
    const { submit, hold, gate, log } = await openQueue();
    const release = hold();
    gate.failure = new Error('the disk is gone');
    const failing = names(3).map((name) => submit(name));
    release();
    const settled = await Promise.allSettled(failing);
    for (const result of settled) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { code: 'INTERNAL', message: expect.stringContaining('the disk is gone') },
      });
    }
    expect(log.lines).toMatchObject([{ level: 'error', fields: { operations: 3 } }]);
    gate.failure = undefined;
    const again = await Promise.all(names(3).map((name) => submit(name)));
    expect(again).toHaveLength(3);
  });

  it('shows nobody the refs of a commit that failed, also when another takes their generation', async () => {
    const { queue, submit, gate, refs } = await openQueue();
    const repo = await submit('a/1');
    refs.read(repo, () => []);
    const push = (value: string) => {
      const commands = [command('refs/heads/a', '', value)];
      const request = UpdateRefsRequest.create({
        repo: repo.name,
        repoId: repo.id,
        commands,
        pushId: Buffer.from(value),
      });
      const limits = { bytes: 10, signal: new AbortController().signal };
      return queue.submit<'updateRefs'>(repo.name, { $case: 'updateRefs', value: request }, limits);
    };
    gate.failure = new Error('the disk is gone');
    await expect(push('lost')).rejects.toMatchObject({ code: 'INTERNAL' });
    gate.failure = undefined;
    const { refsGeneration } = await push('kept');
    const shown = refs.read({ ...repo, refsGeneration }, () => expect.unreachable('the cache should have them'));
    expect(shown).toMatchObject([{ objectId: id('kept') }]);
  });

  it('answers all that it has accepted before it stops, and takes nothing after', async () => {
    const { queue, submit, hold } = await openQueue({ batchMax: 1 });
    const release = hold();
    const accepted = names(3).map((name) => submit(name));
    const stopped = queue.stop();
    await expect(submit('a/late')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    release();
    await stopped;
    expect((await Promise.allSettled(accepted)).map(({ status }) => status)).toEqual(Array(3).fill('fulfilled'));
  });
});
