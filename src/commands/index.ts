import type { CommandTable } from '../cli/command-table.ts';
import BenchObject from './bench/object.ts';
import CacheExplain from './cache/explain.ts';
import CachePurge from './cache/purge.ts';
import CacheStats from './cache/stats.ts';
import CacheWarm from './cache/warm.ts';
import ClusterDown from './cluster/down.ts';
import ClusterHealth from './cluster/health.ts';
import ClusterMemberAdd from './cluster/member/add.ts';
import ClusterMemberList from './cluster/member/list.ts';
import ClusterMemberRemove from './cluster/member/remove.ts';
import ClusterStatus from './cluster/status.ts';
import ClusterUp from './cluster/up.ts';
import Complete from './complete.ts';
import CompletionBash from './completion/bash.ts';
import CompletionFish from './completion/fish.ts';
import CompletionZsh from './completion/zsh.ts';
import ContextDelete from './context/delete.ts';
import ContextList from './context/list.ts';
import ContextSet from './context/set.ts';
import ContextUse from './context/use.ts';
import LeaderShow from './leader/show.ts';
import LeaderTransfer from './leader/transfer.ts';
import LeaderWatch from './leader/watch.ts';
import NodeList from './node/list.ts';
import NodeShow from './node/show.ts';
import NodeStart from './node/start.ts';
import ObjectGet from './object/get.ts';
import ObjectMissing from './object/missing.ts';
import ObjectPut from './object/put.ts';
import ObjectStat from './object/stat.ts';
import ObjectVerify from './object/verify.ts';
import PartitionList from './partition/list.ts';
import PartitionMove from './partition/move.ts';
import PartitionPlan from './partition/plan.ts';
import PartitionShow from './partition/show.ts';
import RefList from './ref/list.ts';
import RefLog from './ref/log.ts';
import RefShow from './ref/show.ts';
import RepoCheck from './repo/check.ts';
import RepoCreate from './repo/create.ts';
import RepoDelete from './repo/delete.ts';
import RepoList from './repo/list.ts';
import RepoMaintain from './repo/maintain.ts';
import RepoRename from './repo/rename.ts';
import RepoRestore from './repo/restore.ts';
import RepoShow from './repo/show.ts';
import RingBalance from './ring/balance.ts';
import RingLocate from './ring/locate.ts';
import RingShow from './ring/show.ts';
import TopologyHistory from './topology/history.ts';
import TopologyShow from './topology/show.ts';
import TopologyWatch from './topology/watch.ts';
import Version from './version.ts';

/** Every command by id, and what each topic is about. Modules listed here load nothing heavy before they run. */
export const commandTable: CommandTable = {
  commands: {
    'bench:object': BenchObject,
    'cache:explain': CacheExplain,
    'cache:purge': CachePurge,
    'cache:stats': CacheStats,
    'cache:warm': CacheWarm,
    'cluster:down': ClusterDown,
    'cluster:health': ClusterHealth,
    'cluster:member:add': ClusterMemberAdd,
    'cluster:member:list': ClusterMemberList,
    'cluster:member:remove': ClusterMemberRemove,
    'cluster:status': ClusterStatus,
    'cluster:up': ClusterUp,
    'leader:show': LeaderShow,
    'leader:transfer': LeaderTransfer,
    'leader:watch': LeaderWatch,
    'node:list': NodeList,
    'node:show': NodeShow,
    'node:start': NodeStart,
    'object:get': ObjectGet,
    'object:missing': ObjectMissing,
    'object:put': ObjectPut,
    'object:stat': ObjectStat,
    'object:verify': ObjectVerify,
    'partition:list': PartitionList,
    'partition:move': PartitionMove,
    'partition:plan': PartitionPlan,
    'partition:show': PartitionShow,
    'ref:list': RefList,
    'ref:log': RefLog,
    'ref:show': RefShow,
    'repo:check': RepoCheck,
    'repo:create': RepoCreate,
    'repo:delete': RepoDelete,
    'repo:list': RepoList,
    'repo:maintain': RepoMaintain,
    'repo:rename': RepoRename,
    'repo:restore': RepoRestore,
    'repo:show': RepoShow,
    'ring:balance': RingBalance,
    'ring:locate': RingLocate,
    'ring:show': RingShow,
    'topology:history': TopologyHistory,
    'topology:show': TopologyShow,
    'topology:watch': TopologyWatch,
    complete: Complete,
    'completion:bash': CompletionBash,
    'completion:fish': CompletionFish,
    'completion:zsh': CompletionZsh,
    'context:delete': ContextDelete,
    'context:list': ContextList,
    'context:set': ContextSet,
    'context:use': ContextUse,
    version: Version,
  },
  topics: {
    bench: 'How fast this cluster is',
    cache: 'What frontends keep, so that a repeated clone costs almost nothing',
    cluster: 'A whole cluster: on this machine, or as its coordinators see it',
    'cluster:member': 'The coordinators’ members of the consensus engine',
    completion: 'Completion scripts for shells',
    context: 'Which cluster commands talk to',
    leader: 'Who leads',
    node: 'The processes of a cluster',
    object: 'Blobs, by the SHA-256 of their content',
    partition: 'Shares of the repositories, and the metadata nodes that keep them',
    ref: 'Branches and tags of a repository, and what changed them',
    repo: 'Repositories',
    ring: 'Where objects are placed',
    topology: 'Nodes, ring and partitions',
  },
};
