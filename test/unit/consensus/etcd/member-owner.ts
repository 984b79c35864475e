import { systemClock } from '../../../../src/base/clock.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { EtcdMember, type EtcdMemberOptions } from '../../../../src/consensus/etcd/etcd-member.ts';
import { recordingLog } from '../../base/recording-log.ts';

// A process of its own that owns a member: the test kills it.
const options = JSON.parse(process.argv[2] ?? '') as EtcdMemberOptions;
const member = new EtcdMember(options, { clock: systemClock, random: systemRandom, log: recordingLog() });
await member.start(new AbortController().signal);
console.log(member.pid);
process.stdin.resume();
