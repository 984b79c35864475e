import { describe, expect, it } from 'vitest';
import { projectFiles, projectText } from './project-files.ts';

const roleOf: Readonly<Record<string, string>> = {
  CoordinatorService: 'coordinator',
  ObjectService: 'object',
  RepairService: 'object',
  MetadataService: 'metadata',
  ReplicationService: 'metadata',
  IdentityService: 'metadata',
  FrontendService: 'frontend',
};

interface Rpc {
  readonly service: string;
  readonly name: string;
  /** Where its handler is. */
  readonly file: string;
}

const files = projectFiles();
const rpcs = files.filter((path) => /^proto\/.*\.proto$/.test(path)).flatMap((path) => rpcsOf(projectText(path)));

/** All that assembles services: the files of the roles and of their composition. */
const assembly = files
  .filter((path) => /^src\/node\/(?!.*\/rpc\/).*\.ts$/.test(path))
  .map(projectText)
  .join('\n');

describe('every RPC of the protocol', () => {
  it('is found', () => {
    expect(rpcs.length).toBeGreaterThan(40);
    expect(rpcs.filter(({ service }) => roleOf[service] === undefined)).toEqual([]);
  });

  it('has its file, or answers UNIMPLEMENTED', () => {
    const lacking = rpcs.filter((rpc) => !files.includes(rpc.file) && !answersUnimplemented(rpc));
    expect(lacking).toEqual([]);
  });

  it('does not have both', () => {
    expect(rpcs.filter((rpc) => files.includes(rpc.file) && answersUnimplemented(rpc))).toEqual([]);
  });

  it('is what a file in an rpc folder is named after', () => {
    const expected = new Set(rpcs.map(({ file }) => file));
    const found = files.filter((path) => /^src\/node\/[^/]+\/rpc\/[^/]+\.tsx?$/.test(path));
    expect(found.filter((path) => !expected.has(path))).toEqual([]);
  });
});

/** By a row of its service, or because no process hosts the service. */
function answersUnimplemented({ service, name }: Rpc): boolean {
  const row = new RegExp(`unimplemented\\w*\\(\\s*['"\`]([\\w.]+\\.)?${name}['"\`]`);
  return row.test(assembly) || !assembly.includes(service);
}

function rpcsOf(proto: string): Rpc[] {
  return [...proto.matchAll(/^service (\w+) \{(.*?)^\}/gms)].flatMap(([, service = '', body = '']) =>
    [...body.matchAll(/^\s*rpc (\w+)\(/gm)].map(([, name = '']) => ({
      service,
      name,
      file: `src/node/${roleOf[service]}/rpc/${kebab(name)}.ts`,
    })),
  );
}

function kebab(name: string): string {
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
}
