# SPDX-License-Identifier: MIT
"""The Python SDK as a subject of tests/interop/run, which has the protocol."""
import os
import sys

import nacos
from nacos.listener import SubscribeListener

address, service, *credentials = sys.argv[1:]
username, password = credentials or (None, None)
client = nacos.NacosClient(address, namespace="public", username=username, password=password)


def say(text):
    print(text, flush=True)


def addresses():
    hosts = client.list_naming_instance(service)["hosts"]
    return ",".join(sorted(f"{host['ip']}:{host['port']}" for host in hosts))


assert client.add_naming_instance(service, "10.1.0.1", 8080, weight=2.0, metadata={"lang": "python"},
                                  heartbeat_interval=5)
client.subscribe(SubscribeListener(lambda *_: say("event " + addresses()), "interop"), 1, service_name=service)
say("registered")
for line in sys.stdin:
    if line == "list\n":
        say("hosts " + addresses())
    elif line == "deregister\n":
        assert client.remove_naming_instance(service, "10.1.0.1", 8080)
        say("deregistered")
    elif line == "exit\n":
        break
os._exit(0)  # its threads never end
