import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Folder of contexts and settings: STRATUM_CONFIG_DIR, else the platform's. */
export function configFolder(env: Environment, platform: NodeJS.Platform = process.platform): string {
  if (env.STRATUM_CONFIG_DIR) return resolve(env.STRATUM_CONFIG_DIR);
  const home = homeOf(env);
  if (platform === 'darwin') return join(home, 'Library', 'Preferences', 'stratum');
  if (platform === 'win32') return join(env.APPDATA ?? join(home, 'AppData', 'Roaming'), 'stratum', 'Config');
  return join(env.XDG_CONFIG_HOME || join(home, '.config'), 'stratum');
}

/** Folder of a local cluster's data unless --data-dir says otherwise. */
export function clusterFolder(env: Environment, name: string, platform: NodeJS.Platform = process.platform): string {
  const home = homeOf(env);
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'stratum', name);
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'stratum', name);
  return join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'stratum', name);
}

function homeOf(env: Environment): string {
  return env.HOME || homedir();
}
