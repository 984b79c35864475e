import { join } from 'node:path';

/** Where the parts of a local cluster are in its folder. */
export interface NodePaths {
  /** The node's own data folder. Nothing else may be in it. */
  readonly dataDir: string;
  readonly configFile: string;
  readonly logFile: string;
}

/** The paths of one node. */
export function nodePaths(folder: string, nodeId: string): NodePaths {
  return {
    dataDir: join(folder, nodeId),
    configFile: join(folder, 'nodes', `${nodeId}.yaml`),
    logFile: join(folder, 'logs', `${nodeId}.log`),
  };
}

/** The log of a supervisor that runs in the background. */
export function supervisorLog(folder: string): string {
  return join(folder, 'supervisor.log');
}
