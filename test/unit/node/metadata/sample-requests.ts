import { randomBytes } from 'node:crypto';
import type { MetadataHandlers, MetadataMethodName } from '../../../../src/client/metadata-handlers.ts';
import {
  AcquireMaintenanceRequest,
  CheckRefsRequest,
  ConfirmNameRequest,
  CreateRepoRequest,
  DeleteRepoRequest,
  GetRefsRequest,
  GetRepoLogRequest,
  GetRepoRequest,
  ListReposRequest,
  PackRef,
  RefCommand,
  ReleaseMaintenanceRequest,
  ReleaseNameRequest,
  RenameRepoRequest,
  ReplacePacksRequest,
  ReserveNameRequest,
  RestoreRepoRequest,
  SetHeadRequest,
  UpdateRefsRequest,
} from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { inProcessPeer } from '../../../../src/rpc/handlers.ts';

/** Methods that are called as in a process: with what a request leaves out filled in. */
export type Calls = {
  readonly [Name in MetadataMethodName]: (
    request: Partial<Parameters<MetadataHandlers[Name]>[0]>,
    signal?: AbortSignal,
  ) => ReturnType<MetadataHandlers[Name]>;
};

export function callsOf(handlers: MetadataHandlers): Calls {
  const within = (signal = new AbortController().signal) => ({ signal, peer: inProcessPeer });
  return {
    createRepo: (request, signal) => handlers.createRepo(CreateRepoRequest.create(request), within(signal)),
    deleteRepo: (request, signal) => handlers.deleteRepo(DeleteRepoRequest.create(request), within(signal)),
    restoreRepo: (request, signal) => handlers.restoreRepo(RestoreRepoRequest.create(request), within(signal)),
    renameRepo: (request, signal) => handlers.renameRepo(RenameRepoRequest.create(request), within(signal)),
    listRepos: (request, signal) => handlers.listRepos(ListReposRequest.create(request), within(signal)),
    getRepo: (request, signal) => handlers.getRepo(GetRepoRequest.create(request), within(signal)),
    getRefs: (request, signal) => handlers.getRefs(GetRefsRequest.create(request), within(signal)),
    checkRefs: (request, signal) => handlers.checkRefs(CheckRefsRequest.create(request), within(signal)),
    updateRefs: (request, signal) =>
      handlers.updateRefs(UpdateRefsRequest.create({ pushId: randomBytes(16), ...request }), within(signal)),
    replacePacks: (request, signal) => handlers.replacePacks(ReplacePacksRequest.create(request), within(signal)),
    acquireMaintenance: (request, signal) =>
      handlers.acquireMaintenance(AcquireMaintenanceRequest.create(request), within(signal)),
    releaseMaintenance: (request, signal) =>
      handlers.releaseMaintenance(ReleaseMaintenanceRequest.create(request), within(signal)),
    setHead: (request, signal) => handlers.setHead(SetHeadRequest.create(request), within(signal)),
    getRepoLog: (request, signal) => handlers.getRepoLog(GetRepoLogRequest.create(request), within(signal)),
    reserveName: (request, signal) => handlers.reserveName(ReserveNameRequest.create(request), within(signal)),
    releaseName: (request, signal) => handlers.releaseName(ReleaseNameRequest.create(request), within(signal)),
    confirmName: (request, signal) => handlers.confirmName(ConfirmNameRequest.create(request), within(signal)),
  };
}

export const zero = '0'.repeat(40);

/** A SHA-1 object id that a short text stands for. */
export function id(text: string | number): string {
  return Buffer.from(String(text)).toString('hex').padEnd(40, '0').slice(0, 40);
}

/** A command from short texts; an empty one is "no object". */
export function command(name: string, oldText: string, newText: string): RefCommand {
  const value = (text: string) => (text === '' ? zero : id(text));
  return RefCommand.create({ name, oldId: value(oldText), newId: value(newText) });
}

/** A pack whose blobs follow from its number. */
export function pack(number: number, changes: Partial<PackRef> = {}): PackRef {
  return PackRef.create({
    name: number.toString(16).padStart(40, '0'),
    packOid: Buffer.alloc(32, number),
    packSize: 1_000n,
    indexOid: Buffer.alloc(32, number + 1),
    indexSize: 100n,
    objectCount: 3n,
    ...changes,
  });
}
