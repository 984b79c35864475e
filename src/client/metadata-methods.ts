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
  readonly of: (client: MetadataServiceClient) => UnaryMethod<MetadataRequest<Name>, MetadataResponse<Name>>;
}

/** The methods of the metadata service. */
export const metadataMethods: { readonly [Name in MetadataMethodName]: MetadataMethod<Name> } = {
  listRepos: { rpc: 'ListRepos', rule: 'read', of: (client) => client.listRepos.bind(client) },
  getRepo: { rpc: 'GetRepo', rule: 'read', of: (client) => client.getRepo.bind(client) },
  getRefs: { rpc: 'GetRefs', rule: 'read', of: (client) => client.getRefs.bind(client) },
  getRepoLog: { rpc: 'GetRepoLog', rule: 'read', of: (client) => client.getRepoLog.bind(client) },
  /** By its push id. */
  updateRefs: { rpc: 'UpdateRefs', rule: 'repeatable', of: (client) => client.updateRefs.bind(client) },
  /** A repetition finds the name taken, by the first try or by another caller: REPO_EXISTS with a hint that says so. */
  createRepo: { rpc: 'CreateRepo', rule: 'repeatable', of: (client) => client.createRepo.bind(client) },
  /** By the id of the repository, which is never used again. */
  deleteRepo: { rpc: 'DeleteRepo', rule: 'repeatable', of: (client) => client.deleteRepo.bind(client) },
  replacePacks: { rpc: 'ReplacePacks', rule: 'once', of: (client) => client.replacePacks.bind(client) },
  setHead: { rpc: 'SetHead', rule: 'once', of: (client) => client.setHead.bind(client) },
};
