import type { MetadataHandlers } from '../../client/metadata-handlers.ts';
import type { MetadataServiceServer } from '../../rpc/gen/stratum/v1/metadata.ts';
import { unary } from '../../rpc/handlers.ts';
import type { MetadataModules } from './metadata-modules.ts';
import { acquireMaintenance } from './rpc/acquire-maintenance.ts';
import { checkRefs } from './rpc/check-refs.ts';
import { confirmName } from './rpc/confirm-name.ts';
import { createRepo } from './rpc/create-repo.ts';
import { deleteRepo } from './rpc/delete-repo.ts';
import { getRefs } from './rpc/get-refs.ts';
import { getRepo } from './rpc/get-repo.ts';
import { getRepoLog } from './rpc/get-repo-log.ts';
import { listRepos } from './rpc/list-repos.ts';
import { releaseMaintenance } from './rpc/release-maintenance.ts';
import { releaseName } from './rpc/release-name.ts';
import { renameRepo } from './rpc/rename-repo.ts';
import { replacePacks } from './rpc/replace-packs.ts';
import { reserveName } from './rpc/reserve-name.ts';
import { restoreRepo } from './rpc/restore-repo.ts';
import { setHead } from './rpc/set-head.ts';
import { updateRefs } from './rpc/update-refs.ts';

/** The RPCs of a metadata node, to be called in the same process. */
export function metadataHandlers(modules: MetadataModules): MetadataHandlers {
  return {
    createRepo: createRepo(modules),
    deleteRepo: deleteRepo(modules),
    restoreRepo: restoreRepo(modules),
    renameRepo: renameRepo(modules),
    listRepos: listRepos(modules),
    getRepo: getRepo(modules),
    getRefs: getRefs(modules),
    checkRefs: checkRefs(modules),
    updateRefs: updateRefs(modules),
    replacePacks: replacePacks(modules),
    acquireMaintenance: acquireMaintenance(modules),
    releaseMaintenance: releaseMaintenance(modules),
    setHead: setHead(modules),
    getRepoLog: getRepoLog(modules),
    reserveName: reserveName(modules),
    releaseName: releaseName(modules),
    confirmName: confirmName(modules),
  };
}

/** The same RPCs as the gRPC listener takes them. */
export function metadataService(handlers: MetadataHandlers): MetadataServiceServer {
  return {
    createRepo: unary(handlers.createRepo),
    deleteRepo: unary(handlers.deleteRepo),
    restoreRepo: unary(handlers.restoreRepo),
    renameRepo: unary(handlers.renameRepo),
    listRepos: unary(handlers.listRepos),
    getRepo: unary(handlers.getRepo),
    getRefs: unary(handlers.getRefs),
    checkRefs: unary(handlers.checkRefs),
    updateRefs: unary(handlers.updateRefs),
    replacePacks: unary(handlers.replacePacks),
    acquireMaintenance: unary(handlers.acquireMaintenance),
    releaseMaintenance: unary(handlers.releaseMaintenance),
    setHead: unary(handlers.setHead),
    getRepoLog: unary(handlers.getRepoLog),
    reserveName: unary(handlers.reserveName),
    releaseName: unary(handlers.releaseName),
    confirmName: unary(handlers.confirmName),
  };
}
