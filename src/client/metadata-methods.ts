import type { ErrorCode } from '../base/error-codes.ts';
import type { UnaryMethod } from '../rpc/call.ts';
import type { MetadataServiceClient } from '../rpc/gen/stratum/v1/metadata.ts';
import type { MetadataMethodName, MetadataRequest, MetadataResponse } from './metadata-handlers.ts';

/**
 * Whether a try whose outcome is unknown (the connection broke, or no answer came) may be repeated.
 * 'read': it changes nothing. 'repeatable': doing it twice is doing it once, so a repetition only
 * asks for the answer again. 'once': a second time could undo what somebody did in between, so
 * the caller is told that the outcome is unknown.
 */
export type RepetitionRule = 'read' | 'repeatable' | 'once';

/** How a method is called. */
export interface MetadataMethod<Name extends MetadataMethodName> {
  /** As the protocol spells it. */
  readonly rpc: string;
  readonly rule: RepetitionRule;
  /**
   * Refusals of a repetition that say for certain that no earlier try was carried out either. Any other refusal after a
   * try of unknown outcome leaves it unknown: the repository may be gone because of what came after that try.
   */
  readonly conclusive: readonly ErrorCode[];
  readonly of: (client: MetadataServiceClient) => UnaryMethod<MetadataRequest<Name>, MetadataResponse<Name>>;
}

const none: readonly ErrorCode[] = [];

/** The methods of the metadata service. */
export const metadataMethods: { readonly [Name in MetadataMethodName]: MetadataMethod<Name> } = {
  listRepos: { rpc: 'ListRepos', rule: 'read', conclusive: none, of: (client) => client.listRepos.bind(client) },
  getRepo: { rpc: 'GetRepo', rule: 'read', conclusive: none, of: (client) => client.getRepo.bind(client) },
  getRefs: { rpc: 'GetRefs', rule: 'read', conclusive: none, of: (client) => client.getRefs.bind(client) },
  checkRefs: { rpc: 'CheckRefs', rule: 'read', conclusive: none, of: (client) => client.checkRefs.bind(client) },
  getRepoLog: { rpc: 'GetRepoLog', rule: 'read', conclusive: none, of: (client) => client.getRepoLog.bind(client) },
  /** By its push id, which is looked for before anything else but the repository. */
  updateRefs: {
    rpc: 'UpdateRefs',
    rule: 'repeatable',
    conclusive: ['INVALID_ARGUMENT', 'TOO_LARGE', 'VERSION_CONFLICT'],
    of: (client) => client.updateRefs.bind(client),
  },
  /** By its request id, which the client draws: the repository that an earlier try made is the answer. */
  createRepo: {
    rpc: 'CreateRepo',
    rule: 'repeatable',
    conclusive: ['INVALID_ARGUMENT', 'REPO_EXISTS'],
    of: (client) => client.createRepo.bind(client),
  },
  /** By the id of the repository: one that is deleted stays known for its grace time. */
  deleteRepo: {
    rpc: 'DeleteRepo',
    rule: 'repeatable',
    conclusive: ['INVALID_ARGUMENT', 'VERSION_CONFLICT'],
    of: (client) => client.deleteRepo.bind(client),
  },
  /** By generation and content: the last one that was carried out gets its answer again. */
  replacePacks: {
    rpc: 'ReplacePacks',
    rule: 'repeatable',
    conclusive: ['INVALID_ARGUMENT', 'TOO_LARGE'],
    of: (client) => client.replacePacks.bind(client),
  },
  /** By its holder, like the next one: from the same one it is a renewal. */
  acquireMaintenance: {
    rpc: 'AcquireMaintenance',
    rule: 'repeatable',
    conclusive: ['INVALID_ARGUMENT'],
    of: (client) => client.acquireMaintenance.bind(client),
  },
  releaseMaintenance: {
    rpc: 'ReleaseMaintenance',
    rule: 'repeatable',
    conclusive: none,
    of: (client) => client.releaseMaintenance.bind(client),
  },
  setHead: { rpc: 'SetHead', rule: 'once', conclusive: none, of: (client) => client.setHead.bind(client) },
  renameRepo: { rpc: 'RenameRepo', rule: 'once', conclusive: none, of: (client) => client.renameRepo.bind(client) },
  restoreRepo: { rpc: 'RestoreRepo', rule: 'once', conclusive: none, of: (client) => client.restoreRepo.bind(client) },
  /** By its token, like the next one. */
  reserveName: {
    rpc: 'ReserveName',
    rule: 'repeatable',
    conclusive: none,
    of: (client) => client.reserveName.bind(client),
  },
  releaseName: {
    rpc: 'ReleaseName',
    rule: 'repeatable',
    conclusive: none,
    of: (client) => client.releaseName.bind(client),
  },
  confirmName: { rpc: 'ConfirmName', rule: 'read', conclusive: none, of: (client) => client.confirmName.bind(client) },
};
