import packageJson from '../../package.json' with { type: 'json' };

declare const __STRATUM_VERSION__: string | undefined;

/** The version of this binary; the bundler puts it in, sources that are run directly read package.json. */
export const stratumVersion: string =
  typeof __STRATUM_VERSION__ === 'string' ? __STRATUM_VERSION__ : packageJson.version;
