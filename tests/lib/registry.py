# SPDX-License-Identifier: MIT
"""nacos-registry as a process that a test owns, and its Open API."""
import json
import os
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from lib.mounts import SUSPICIOUS

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Registry:
    def __init__(self, build, directory, *arguments, before=(), env=None):
        self.build = build
        self.before = list(before)  # a program that starts it in its own place, with arguments
        self.env = {**os.environ, **(env or {})}
        self.directory = str(directory)  # of its log and of what it keeps
        self.arguments = [str(argument) for argument in arguments]
        self.log_path = os.path.join(self.directory, "registry.log")
        self.process = None
        self.address = None  # "127.0.0.1:PORT"

    def start(self, listen="127.0.0.1:0"):
        os.makedirs(self.directory, exist_ok=True)
        reader, writer = os.pipe()
        command = [*self.before, os.path.join(self.build, "nacos-registry"), "--listen", listen,
                   "--ready-fd", str(writer), "--state", self.directory, *self.arguments]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=[writer], env=self.env,
                                            start_new_session=True)
        os.close(writer)
        with os.fdopen(reader, encoding="ascii") as ready:
            self.address = ready.readline().strip()
        assert self.address, f"nacos-registry did not start: {self.log()}"
        return self

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def request(self, method, path, params=(), timeout=5):
        """(status, text) of one call; path below /nacos."""
        url = f"http://{self.address}/nacos{path}?{urllib.parse.urlencode(params)}"
        request = urllib.request.Request(url, method=method)
        try:
            with DIRECT.open(request, timeout=timeout) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def call(self, method, path, **params):
        status, text = self.request(method, path, params)
        assert status == 200, f"{method} {path}: {status} {text}"
        return text

    def register(self, service, ip, port, metadata=None, **params):
        """Somebody else's instance; it lives by nobody's beats (30 s)."""
        if metadata is not None:
            params["metadata"] = json.dumps(metadata)
        return self.call("POST", "/v1/ns/instance", serviceName=service, ip=ip, port=port, **params)

    def deregister(self, service, ip, port, **params):
        return self.call("DELETE", "/v1/ns/instance", serviceName=service, ip=ip, port=port, **params)

    def beat(self, service, ip, port, **params):
        return json.loads(self.call("PUT", "/v1/ns/instance/beat", serviceName=service, ip=ip,
                                    port=port, **params))

    def list(self, service, **params):
        return json.loads(self.call("GET", "/v1/ns/instance/list", serviceName=service, **params))

    def addresses(self, service, **params):
        """{"ip:port"} that the registry lists."""
        return {f"{h['ip']}:{h['port']}" for h in self.list(service, **params)["hosts"]}

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(10)
        assert status == 0, f"nacos-registry: exit {status}: {self.log()}"
        found = [line for line in self.log().splitlines() if SUSPICIOUS.search(line)]
        assert not found, "suspicious lines in the registry's log:\n" + "\n".join(found)

    def destroy(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
