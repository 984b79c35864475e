import * as Args from '@oclif/core/args';
import { StratumError } from '../../../base/errors.ts';
import { changeFlags, requesterOf } from '../../../cli/change-flags.ts';
import { ClusterCommand } from '../../../cli/cluster-command.ts';
import { confirm } from '../../../cli/confirm.ts';
import { changeableEngine, keepsQuorumWithNew } from '../../../cli/engine-members.ts';
import { changedMembers } from '../../../cli/listings/member-listing.ts';
import { type PlannedChange, planListing } from '../../../cli/listings/plan-listing.ts';
import { parseAddress } from '../../../cli/parse-address.ts';
import type { ConsensusMemberPlace, ConsensusMemberStatus } from '../../../consensus/consensus.ts';
import { majorityOf } from '../../../consensus/majority.ts';
import { validateNodeId } from '../../../topology/validate-registration.ts';

/** `stratum cluster member add` */
export default class ClusterMemberAdd extends ClusterCommand {
  static override id = 'cluster:member:add';
  static override summary = 'Take a new coordinator into the consensus engine, before it is started';
  static override description =
    'The address is the one under which the other coordinators will reach its member of the engine (--peers). Adding what is there already is no error.';
  static override examples = ['stratum cluster member add coordinator-4=10.0.0.4:7482 --reason "a fourth machine"'];
  static override args = {
    member: Args.string({ description: 'the new coordinator, as <id>=<host:port>', required: true, ignoreStdin: true }),
  };
  static override flags = { ...changeFlags };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(ClusterMemberAdd);
    const place = parseMember(args.member);
    await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const { members: before } = changeableEngine(await cluster.consensusStatuses());
      const isThere = before.some((member) => isSame(member, place));
      if (flags['dry-run']) {
        const plan = additionPlan(place, before, isThere);
        if (!this.isForPeople) await this.print(planListing(plan, source));
        await this.say(plan.detail);
        return;
      }
      // Until the new member runs it counts among those that a majority is made of.
      if (!isThere && !keepsQuorumWithNew(before)) await confirm(riskOf(place, before), flags, this.io);
      const { changed, members } = await cluster.addMember(place, requesterOf(flags, this.io.env));
      await this.print(changedMembers(members, source));
      await this.say(changed ? `${place.nodeId} is a member now` : `${place.nodeId} is a member already`);
      await this.say(`start it: ${startCommand(place, members)}`);
    });
    return undefined;
  }
}

function parseMember(text: string): ConsensusMemberPlace {
  const [, nodeId = '', address = ''] = /^([^=]*)=(.*)$/.exec(text) ?? [];
  if (nodeId === '') {
    const expected = '<id>=<host:port>, such as coordinator-4=10.0.0.4:7482';
    const details = { field: 'member', reason: `"${text}" names no member`, expected };
    throw new StratumError('INVALID_ARGUMENT', `member: "${text}" names no member`, details, {
      hint: `expected ${expected}`,
    });
  }
  validateNodeId(nodeId, 'member');
  return { nodeId, peerAddress: parseAddress(address, 'member') };
}

function additionPlan(
  { nodeId, peerAddress }: ConsensusMemberPlace,
  members: readonly ConsensusMemberStatus[],
  isThere: boolean,
): PlannedChange {
  const what = isThere ? 'is a member already: nothing to do' : `would be added to ${members.length} members`;
  const before = members.map(({ id, address }) => ({ id, address }));
  const after = isThere ? before : [...before, { id: nodeId, address: peerAddress }];
  return {
    action: 'member add',
    target: nodeId,
    changes: !isThere,
    before: { members: before },
    after: { members: after },
    detail: `${nodeId} ${what}`,
  };
}

function riskOf({ nodeId }: ConsensusMemberPlace, members: readonly ConsensusMemberStatus[]): string {
  const answering = members.filter(({ reachable }) => reachable).length;
  const need = majorityOf(members.length + 1);
  return `Add ${nodeId}? ${need} of ${members.length + 1} members must then run, ${answering} do: nothing can be changed until ${nodeId} is started.`;
}

/** A member that has never been started has its address for an id. */
function isSame({ id, address }: ConsensusMemberStatus, { nodeId, peerAddress }: ConsensusMemberPlace): boolean {
  return address === peerAddress && (id === nodeId || id === address);
}

function startCommand(place: ConsensusMemberPlace, members: readonly ConsensusMemberStatus[]): string {
  const others = members.filter((member) => !isSame(member, place)).map(({ id, address }) => `${id}=${address}`);
  const peers = [...others, `${place.nodeId}=${place.peerAddress}`].join(',');
  return `stratum node start --role coordinator --id ${place.nodeId} --peers ${peers} --data-dir <folder>`;
}
