import { z } from 'zod';

/** A setting of a node: its place in the YAML file, its check, and what docs/configuration.md says of it. */
export interface Setting {
  /** Path in the YAML file, for example "cluster.partitions". */
  readonly path: string;
  readonly kind: 'text' | 'integer' | 'boolean' | 'list' | 'map';
  readonly schema: z.ZodType;
  /** Undefined when there is none and the setting is optional. */
  readonly default?: unknown;
  readonly description: string;
}

/** A whole number within bounds. */
export const integer = (min: number, max: number) => z.int().min(min).max(max);

/** A time of at most a day. */
export const milliseconds = integer(1, 86_400_000);

/** A row of the table. */
export function setting(
  path: string,
  kind: Setting['kind'],
  schema: z.ZodType,
  fallback: unknown,
  description: string,
): Setting {
  return {
    path,
    kind,
    schema,
    description,
    ...(fallback === undefined ? {} : { default: fallback }),
  };
}
