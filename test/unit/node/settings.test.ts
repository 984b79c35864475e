import { describe, expect, it } from 'vitest';
import { flagOf, settings, variableOf } from '../../../src/node/settings.ts';

describe('the table of settings', () => {
  it('gives every setting a variable and a flag of its own', () => {
    const paths = settings.map(({ path }) => path);
    expect(new Set(paths.map(variableOf)).size).toBe(paths.length);
    expect(new Set(paths.map(flagOf)).size).toBe(paths.length);
  });

  it.each([
    ['nodeId', 'STRATUM_NODE_ID', 'id'],
    ['cluster.replicationFactor', 'STRATUM_CLUSTER_REPLICATION_FACTOR', 'replication-factor'],
    ['timings.heartbeatIntervalMs', 'STRATUM_TIMINGS_HEARTBEAT_INTERVAL_MS', 'heartbeat-interval'],
  ])('%s is %s and --%s', (path, variable, flag) => {
    expect(variableOf(path)).toBe(variable);
    expect(flagOf(path)).toBe(flag);
  });

  it('has defaults that pass their own check, and says what each setting means', () => {
    for (const { path, schema, default: value, description } of settings) {
      if (value !== undefined) expect(schema.safeParse(value).success, path).toBe(true);
      expect(description, path).toMatch(/[.!]$/);
    }
  });
});
