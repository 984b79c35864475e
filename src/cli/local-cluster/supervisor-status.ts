import type { NodeRole } from '../../topology/topology.ts';
import type { ProcessExit } from './node-process.ts';

/** What the supervisor knows of one process. */
export interface ProcessStatus {
  readonly id: string;
  readonly role: NodeRole;
  /** 0 when it was never started. */
  readonly pid: number;
  readonly state: 'running' | 'exited';
  /** How it ended; null while it runs, and when it was never started. */
  readonly exit: ProcessExit | null;
  readonly address: string;
  readonly httpUrl: string;
  readonly dataDir: string;
  /** Milliseconds since the Unix epoch; 0 when it was never started. */
  readonly startedAtMs: number;
}

/** What the supervisor answers when asked. */
export interface SupervisorStatus {
  readonly name: string;
  readonly folder: string;
  readonly supervisorPid: number;
  /** host:port of the coordinators. */
  readonly coordinators: readonly string[];
  readonly processes: readonly ProcessStatus[];
}
