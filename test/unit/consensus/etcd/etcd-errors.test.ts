import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { EtcdStore, type EtcdStoreOptions } from '../../../../src/consensus/etcd/etcd-store.ts';
import { type EtcdProcess, startEtcd } from '../../../conformance/etcd-process.ts';

let etcd: EtcdProcess;
const stores: EtcdStore[] = [];
beforeAll(async () => {
  etcd = await startEtcd();
  const admin = new Etcd3({ hosts: etcd.endpoint });
  await admin.role('root').create();
  await admin.user('root').create('secret');
  await admin.user('root').addRole('root');
  await admin.user('ada').create('secret');
  await admin.auth.authEnable();
  admin.close();
});
afterAll(async () => {
  for (const store of stores) store.close();
  await etcd.stop();
});

function read(auth?: EtcdStoreOptions['auth']) {
  const options = { endpoints: [etcd.endpoint], prefix: '/t/', asksMembers: true, callTimeoutMs: 5_000 };
  const store = new EtcdStore({ ...options, ...(auth === undefined ? {} : { auth }) }, { clock: systemClock });
  stores.push(store);
  return store.read([{ start: 'a' }]);
}

describe('an etcd that asks who calls', () => {
  it('answers a user with the right password', async () => {
    expect(await read({ username: 'root', password: 'secret' })).toMatchObject({ keys: [] });
  });

  it.each([
    ['no user', undefined],
    ['a wrong password', { username: 'root', password: 'wrong' }],
    ['a user that there is not', { username: 'nobody', password: 'secret' }],
    ['a user without rights', { username: 'ada', password: 'secret' }],
  ])('makes the configuration invalid, with the flags that mend it, given %s', async (_what, auth) => {
    await expect(read(auth)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      details: { field: 'etcd.username' },
      hint: expect.stringMatching(/--etcd-username.*--etcd-password-file/),
    });
  });
});
