import * as Args from '@oclif/core/args';
import { changeFlags, requesterOf } from '../../../cli/change-flags.ts';
import { ClusterCommand } from '../../../cli/cluster-command.ts';
import { confirm } from '../../../cli/confirm.ts';
import { changeableEngine } from '../../../cli/engine-members.ts';
import { changedMembers } from '../../../cli/listings/member-listing.ts';
import { type PlannedChange, planListing } from '../../../cli/listings/plan-listing.ts';
import { nearest } from '../../../cli/nearest.ts';
import type { ConsensusMemberStatus } from '../../../consensus/consensus.ts';
import { majorityOf } from '../../../consensus/majority.ts';
import { validateMemberId } from '../../../topology/validate-member.ts';

/** `stratum cluster member remove` */
export default class ClusterMemberRemove extends ClusterCommand {
  static override id = 'cluster:member:remove';
  static override summary = 'Take a coordinator out of the consensus engine for good';
  static override description =
    'The coordinators refuse when the rest would have no quorum. Its process should be stopped afterwards, and its data folder is of no more use. Removing what is not there is no error.';
  static override examples = [
    'stratum cluster member remove coordinator-3 --yes --reason "the machine is gone"',
    'stratum cluster member remove coordinator-3 --dry-run',
  ];
  static override args = {
    coordinator: Args.string({
      description: 'id of the coordinator, or host:port of a member that has never started',
      required: true,
      ignoreStdin: true,
    }),
  };
  static override flags = { ...changeFlags };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(ClusterMemberRemove);
    const { coordinator: nodeId } = args;
    validateMemberId(nodeId, 'coordinator');
    await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const { members } = changeableEngine(await cluster.consensusStatuses());
      if (!members.some(({ id }) => id === nodeId)) {
        const plan = removalPlan(nodeId, members, `${nodeId} is no member: nothing to do`);
        const ids = members.map(({ id }) => id);
        const meant = nearest(nodeId, ids);
        await this.say(plan.detail);
        await this.say(meant === undefined ? `members: ${ids.join(', ')}` : `did you mean "${meant}"?`);
        if (flags['dry-run'] && !this.isForPeople) await this.print(planListing(plan, source));
        else await this.print(changedMembers(members, source));
        return;
      }
      const rest = members.filter(({ id }) => id !== nodeId);
      const answering = rest.filter(({ reachable }) => reachable).length;
      const left = `${rest.length} members are left, of which ${answering} answer and ${majorityOf(rest.length)} must`;
      if (flags['dry-run']) {
        const plan = removalPlan(nodeId, members, `would remove ${nodeId}: ${left}`);
        if (!this.isForPeople) await this.print(planListing(plan, source));
        await this.say(plan.detail);
        return;
      }
      await confirm(`Remove ${nodeId} from the consensus engine? ${left}.`, flags, this.io);
      const after = await cluster.removeMember(nodeId, requesterOf(flags, this.io.env));
      await this.print(changedMembers(after.members, source));
      await this.say(`${nodeId} ${after.changed ? 'is no member any more; stop its process' : 'was removed already'}`);
    });
    return undefined;
  }
}

function removalPlan(target: string, members: readonly ConsensusMemberStatus[], detail: string): PlannedChange {
  const before = members.map(({ id, address }) => ({ id, address }));
  const after = before.filter(({ id }) => id !== target);
  const changes = after.length < before.length;
  return { action: 'member remove', target, changes, before: { members: before }, after: { members: after }, detail };
}
