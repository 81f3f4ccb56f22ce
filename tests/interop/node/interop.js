// SPDX-License-Identifier: MIT
// The Node SDK as a subject of tests/interop/run, which has the protocol.
'use strict';
const readline = require('readline');
const { NacosNamingClient } = require('nacos');

const [address, service, username, password] = process.argv.slice(2);
const quiet = () => undefined;
const logger = { info: quiet, debug: quiet, log: quiet, warn: console.error, error: console.error };
const addresses = hosts => hosts.map(host => `${host.ip}:${host.port}`).sort().join(',');
const instance = { ip: '10.1.0.1', port: 8080, weight: 2, metadata: { lang: 'node' } };

async function main() {
  const client = new NacosNamingClient({ logger, serverList: address, namespace: 'public', username, password });
  await client.ready();
  await client.registerInstance(service, instance);
  client.subscribe(service, hosts => console.log('event ' + addresses(hosts)));
  console.log('registered');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line === 'list') {
      console.log('hosts ' + addresses(await client.getAllInstances(service, undefined, '', false)));
    } else if (line === 'deregister') {
      await client.deregisterInstance(service, instance);
      console.log('deregistered');
    } else if (line === 'exit') {
      process.exit(0);
    }
  }
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
