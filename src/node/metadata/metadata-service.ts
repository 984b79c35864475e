import type { MetadataHandlers } from '../../client/metadata-handlers.ts';
import type { MetadataServiceServer } from '../../rpc/gen/stratum/v1/metadata.ts';
import { unary } from '../../rpc/handlers.ts';
import type { MetadataModules } from './metadata-modules.ts';
import { createRepo } from './rpc/create-repo.ts';
import { deleteRepo } from './rpc/delete-repo.ts';
import { getRefs } from './rpc/get-refs.ts';
import { getRepo } from './rpc/get-repo.ts';
import { getRepoLog } from './rpc/get-repo-log.ts';
import { listRepos } from './rpc/list-repos.ts';
import { replacePacks } from './rpc/replace-packs.ts';
import { setHead } from './rpc/set-head.ts';
import { updateRefs } from './rpc/update-refs.ts';

/** The RPCs of a metadata node, to be called in the same process. */
export function metadataHandlers(modules: MetadataModules): MetadataHandlers {
  return {
    createRepo: createRepo(modules),
    deleteRepo: deleteRepo(modules),
    listRepos: listRepos(modules),
    getRepo: getRepo(modules),
    getRefs: getRefs(modules),
    updateRefs: updateRefs(modules),
    replacePacks: replacePacks(modules),
    setHead: setHead(modules),
    getRepoLog: getRepoLog(modules),
  };
}

/** The same RPCs as the gRPC listener takes them. */
export function metadataService(handlers: MetadataHandlers): MetadataServiceServer {
  return {
    createRepo: unary(handlers.createRepo),
    deleteRepo: unary(handlers.deleteRepo),
    listRepos: unary(handlers.listRepos),
    getRepo: unary(handlers.getRepo),
    getRefs: unary(handlers.getRefs),
    updateRefs: unary(handlers.updateRefs),
    replacePacks: unary(handlers.replacePacks),
    setHead: unary(handlers.setHead),
    getRepoLog: unary(handlers.getRepoLog),
  };
}
