# SPDX-License-Identifier: MIT
"""A scripted Nacos v1 naming server.

It keeps instances as Nacos 1.4 does, logs every request, and pushes by UDP when told to. Every route
can be given a behaviour per test: late, silent, cut off, any status and body, and so on. Nothing in it
ever expires; what it lists changes only by requests and by the test.

    with StubServer() as stub:
        stub.add("order-svc", "10.0.0.1", 8080)
        stub.on("GET", "/instance/list", Delay(2))
        ...
        assert stub.count("POST", "/instance") == 1
"""
import gzip
import json
import socket
import struct
import threading
import time
import urllib.parse
import zlib
from dataclasses import dataclass, field

PREFIX = "/nacos/v1/ns"
GROUP = "DEFAULT_GROUP"


@dataclass
class Request:
    time: float  # time.monotonic() when it had arrived
    method: str
    path: str  # below /nacos/v1/ns if it is there, else whole
    params: dict  # of query and form, the first value of each
    target: str  # as it was sent
    headers: dict  # lower-case names
    body: bytes
    peer: tuple
    repeated: list = field(default_factory=list)  # names that came more than once

    @property
    def service(self):
        """(namespace, group, name), from either spelling of serviceName."""
        name = self.params.get("serviceName", "")
        group = self.params.get("groupName", GROUP)
        if "@@" in name:
            group, name = name.split("@@", 1)
        return self.params.get("namespaceId") or "public", group, name


# --- behaviours: what a route does instead of, or before, its ordinary answer ---------------------


class Delay:
    """The ordinary answer, or another action, seconds later."""

    def __init__(self, seconds, action=None):
        self.seconds = seconds
        self.action = action

    def __call__(self, connection, request, stub):
        stub.closed.wait(self.seconds)
        if stub.closed.is_set():
            return
        if self.action:
            self.action(connection, request, stub)
        else:
            connection.answer(*stub.ordinary(request))


class Silence:
    """Takes the request and never answers it."""

    def __call__(self, connection, request, stub):
        connection.wait_for_end()


class Reset:
    """RST instead of an answer."""

    def __call__(self, connection, request, stub):
        linger = struct.pack("ii", 1, 0)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()


class Answer:
    """This status and body."""

    def __init__(self, status, body=b"", content_type="application/json", headers=()):
        self.status = status
        self.body = body if isinstance(body, bytes) else body.encode()
        self.content_type = content_type
        self.headers = headers

    def __call__(self, connection, request, stub):
        connection.answer(self.status, self.body, self.content_type, self.headers)


class AcceptThen:
    """Does what the request asks, then behaves as told (the answer gets lost, say)."""

    def __init__(self, action):
        self.action = action

    def __call__(self, connection, request, stub):
        stub.ordinary(request)
        self.action(connection, request, stub)


class Truncated:
    """The ordinary answer, announced in full, cut off after some bytes of its body."""

    def __init__(self, keep=10):
        self.keep = keep

    def __call__(self, connection, request, stub):
        status, body, content_type, headers = stub.ordinary(request)
        head = connection.head(status, len(body), content_type, headers)
        connection.send(head + body[: self.keep])
        connection.close()


class Drip:
    """The ordinary answer, one byte of the body at a time."""

    def __init__(self, interval=1.0):
        self.interval = interval

    def __call__(self, connection, request, stub):
        status, body, content_type, headers = stub.ordinary(request)
        connection.send(connection.head(status, len(body), content_type, headers))
        for byte in body:
            if stub.closed.wait(self.interval) or not connection.send(bytes([byte])):
                return


class GzipBomb:
    """A gzip body that unpacks to so many bytes of spaces."""

    def __init__(self, size):
        self.size = size
        self.packed = None

    def __call__(self, connection, request, stub):
        if self.packed is None:
            packer = zlib.compressobj(6, zlib.DEFLATED, 31)
            chunk = b" " * (1 << 20)
            self.packed = b"".join(packer.compress(chunk) for _ in range(self.size >> 20))
            self.packed += packer.flush()
        connection.answer(200, self.packed, "application/json", ["Content-Encoding: gzip"])


class Endless:
    """A chunked body that never ends; sent counts its bytes."""

    def __init__(self):
        self.sent = 0

    def __call__(self, connection, request, stub):
        connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        while not stub.closed.is_set() and connection.send(chunk):
            self.sent += 65536


class WrongService:
    """The ordinary list, under another service's name."""

    def __init__(self, name="OTHER_GROUP@@other-svc"):
        self.name = name

    def __call__(self, connection, request, stub):
        status, body, content_type, headers = stub.ordinary(request)
        content = json.loads(body)
        content["name"] = self.name
        connection.answer(status, json.dumps(content).encode(), content_type, headers)


class Edited:
    """The ordinary JSON answer, passed through a function."""

    def __init__(self, edit):
        self.edit = edit

    def __call__(self, connection, request, stub):
        status, body, content_type, headers = stub.ordinary(request)
        body = json.dumps(self.edit(json.loads(body))).encode()
        connection.answer(status, body, content_type, headers)


# --- one connection ---------------------------------------------------------------------------------

REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
           404: "Not Found", 500: "Internal Server Error", 501: "Not Implemented",
           502: "Bad Gateway", 503: "Service Unavailable"}


class Connection:
    def __init__(self, stub, sock, peer):
        self.stub = stub
        self.socket = sock
        self.peer = peer
        self.buffer = b""
        self.open = True

    def serve(self):
        try:
            while self.open:
                request = self.read_request()
                if request is None:
                    break
                self.stub.handle(self, request)
        except OSError:
            pass
        finally:
            self.close()

    def close(self):
        if self.open:
            self.open = False
            try:
                self.socket.close()
            except OSError:
                pass
        self.stub.forget(self)

    def abort(self):
        """From another thread: what is blocked on the socket ends."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def receive(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def wait_for_end(self):
        while self.receive():
            pass
        self.close()

    def read_request(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self.receive():
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        if headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(self.buffer) < length:
            if not self.receive():
                return None
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return self.parse(method, target, headers, body)

    def parse(self, method, target, headers, body):
        path, _, query = target.partition("?")
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
        if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            pairs += urllib.parse.parse_qsl(body.decode("latin-1"), keep_blank_values=True)
        params = {}
        repeated = []
        for name, value in pairs:
            if name in params:
                repeated.append(name)
            params.setdefault(name, value)
        path = path[len(PREFIX):] if path.startswith(PREFIX + "/") else path
        return Request(time.monotonic(), method, path, params, target, headers, body, self.peer,
                       repeated)

    @staticmethod
    def head(status, length, content_type, headers=()):
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}",
                 f"Content-Type: {content_type}", f"Content-Length: {length}", *headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def send(self, data):
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            self.close()
            return False

    def answer(self, status, body, content_type="application/json", headers=()):
        self.send(self.head(status, len(body), content_type, headers) + body)


# --- the server ------------------------------------------------------------------------------------


def host(ip, port, *, cluster="DEFAULT", weight=1.0, healthy=True, enabled=True, ephemeral=True,
         metadata=None):
    """One instance, in the fields of a list reply."""
    return {"ip": ip, "port": port, "weight": weight, "healthy": healthy, "valid": healthy,
            "enabled": enabled, "ephemeral": ephemeral, "clusterName": cluster,
            "metadata": dict(metadata or {})}


class StubServer:
    def __init__(self, address="127.0.0.1", port=0):
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(2048)
        self.host, self.port = self.listener.getsockname()
        self.address = f"{self.host}:{self.port}"
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 0))
        self.lock = threading.RLock()
        self.closed = threading.Event()
        self.arrived = threading.Condition(self.lock)
        self.connections = set()
        self.requests = []
        self.overrides = []  # [method, path, action, times left or None, predicate]
        self.services = {}  # (namespace, group, name) -> {(ip, port, cluster): host}
        self.subscribers = {}  # (namespace, group, name) -> {(ip, udp port)}
        self.acks = []  # (time, sender, text)
        self.beat_interval = 5000
        self.light_beats = True
        self.cache_millis = 10000  # in list replies and pushes
        self.push_on_change = False
        self.catalog = True  # answers catalog/services, as 1.4 and 2.x do and 3.x does not
        self.last_ref_time = int(time.time() * 1000)
        self.threads = [threading.Thread(target=self.accept_loop, daemon=True),
                        threading.Thread(target=self.ack_loop, daemon=True)]
        for thread in self.threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- life

    def accept_loop(self):
        while not self.closed.is_set():
            try:
                sock, peer = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock, peer)
            with self.lock:
                self.connections.add(connection)
                if self.closed.is_set():  # meanwhile, so that close() does not know of it
                    connection.abort()
            threading.Thread(target=connection.serve, daemon=True).start()

    def ack_loop(self):
        while not self.closed.is_set():
            try:
                data, peer = self.udp.recvfrom(65536)
            except OSError:
                return
            with self.arrived:
                self.acks.append((time.monotonic(), peer, data.decode("utf-8", "replace")))
                self.arrived.notify_all()

    def forget(self, connection):
        with self.lock:
            self.connections.discard(connection)

    def close(self):
        """The server dies: nothing listens any more, every connection ends."""
        if self.closed.is_set():
            return
        self.closed.set()
        for sock in (self.listener, self.udp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            connection.abort()

    def restarted(self):
        """A new, empty server on the same port, after close()."""
        return StubServer(self.host, self.port)

    # -- script

    def on(self, method, path, action, times=None, when=None):
        """The route behaves as told, the next `times` times (None: until clear) when(request) holds."""
        with self.lock:
            self.overrides.insert(0, [method, path, action, times, when])
        return action

    def clear(self):
        with self.lock:
            self.overrides.clear()

    def add(self, service, ip, port, *, namespace="public", group=GROUP, **fields):
        """Lists an instance, as if somebody else had registered it."""
        record = host(ip, port, **fields)
        with self.lock:
            hosts = self.services.setdefault((namespace, group, service), {})
            hosts[(ip, port, record["clusterName"])] = record
        self.changed((namespace, group, service))

    def remove(self, service, ip, port, *, namespace="public", group=GROUP, cluster="DEFAULT"):
        with self.lock:
            del self.services[(namespace, group, service)][(ip, port, cluster)]
        self.changed((namespace, group, service))

    def add_service(self, service, *, namespace="public", group=GROUP):
        """An empty service that service/list names."""
        with self.lock:
            self.services.setdefault((namespace, group, service), {})

    def remove_service(self, service, *, namespace="public", group=GROUP):
        with self.lock:
            self.services.pop((namespace, group, service), None)

    def hosts(self, service, *, namespace="public", group=GROUP):
        with self.lock:
            return dict(self.services.get((namespace, group, service), {}))

    # -- log

    def seen(self, method=None, path=None, since=0.0, **params):
        with self.lock:
            return [r for r in self.requests
                    if method in (None, r.method) and path in (None, r.path) and r.time >= since
                    and all(str(r.params.get(k)) == str(v) for k, v in params.items())]

    def count(self, method=None, path=None, since=0.0, **params):
        return len(self.seen(method, path, since, **params))

    def wait_for(self, method, path, count=1, timeout=10.0, since=0.0, **params):
        """Until so many such requests have arrived; returns them."""
        deadline = time.monotonic() + timeout
        with self.arrived:
            while True:
                found = self.seen(method, path, since, **params)
                if len(found) >= count:
                    return found
                left = deadline - time.monotonic()
                assert left > 0, f"{len(found)} of {count} {method} {path} {params} in {timeout} s"
                self.arrived.wait(left)

    # -- requests

    def handle(self, connection, request):
        with self.arrived:
            self.requests.append(request)
            action = self.pick_override(request)
            self.arrived.notify_all()
        if action is None:
            connection.answer(*self.ordinary(request))
        else:
            action(connection, request, self)

    def pick_override(self, request):
        for entry in self.overrides:
            method, path, action, times, when = entry
            if method not in ("*", request.method) or path not in ("*", request.path):
                continue
            if when and not when(request):
                continue
            if times is not None:
                if times == 0:
                    continue
                entry[3] = times - 1
            return action
        return None

    def ordinary(self, request):
        """(status, body, content type, headers) as Nacos 1.4 answers; does what is asked."""
        route = ROUTES.get((request.method, request.path))
        if route is None:
            text = f"no such api:{request.method}:{request.path}"
            return 501, json.dumps({"status": 501, "message": text}).encode(), "application/json", ()
        with self.lock:
            return route(self, request)

    # -- push

    def new_ref_time(self):
        with self.lock:
            self.last_ref_time = max(self.last_ref_time + 1, int(time.time() * 1000))
            return self.last_ref_time

    def list_body(self, key, clusters="", last_ref_time=None):
        """ServiceInfo of one service, as list replies and pushes carry it."""
        namespace, group, name = key
        wanted = set(filter(None, clusters.split(",")))
        with self.lock:
            hosts = [h for h in self.services.get(key, {}).values()
                     if h["enabled"] and (not wanted or h["clusterName"] in wanted)]
        for record in hosts:
            ident = (record["ip"], record["port"], record["clusterName"])
            record.update(serviceName=f"{group}@@{name}",
                          instanceId="#".join(map(str, ident)) + f"#{group}@@{name}")
        return {"hosts": hosts, "dom": f"{group}@@{name}", "name": f"{group}@@{name}",
                "cacheMillis": self.cache_millis, "checksum": "",
                "lastRefTime": self.new_ref_time() if last_ref_time is None else last_ref_time,
                "useSpecifiedURL": False, "clusters": clusters, "env": "", "metadata": {}}

    def changed(self, key):
        if self.push_on_change:
            self.push(key[2], namespace=key[0], group=key[1])

    def datagram(self, service, *, namespace="public", group=GROUP, last_ref_time=None, packed=None,
                 kind="dom", body=None):
        """The bytes of a push; packed from 1,024 bytes on unless told."""
        content = body or self.list_body((namespace, group, service), last_ref_time=last_ref_time)
        data = json.dumps({"type": kind, "data": json.dumps(content),
                           "lastRefTime": time.monotonic_ns()}).encode()
        packed = len(data) >= 1024 if packed is None else packed
        return gzip.compress(data) if packed else data

    def push(self, service, *, namespace="public", group=GROUP, source=None, data=None, **how):
        """Pushes to every subscriber, from our own socket or from another source address. Returns how
        many datagrams went out."""
        if data is None:
            data = self.datagram(service, namespace=namespace, group=group, **how)
        with self.lock:
            targets = list(self.subscribers.get((namespace, group, service), ()))
        for target in targets:
            if source is None:
                self.udp.sendto(data, target)
            else:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                    other.bind((source, 0))
                    other.sendto(data, target)
        return len(targets)


# --- the routes' ordinary answers: (stub, request) -> status, body, content type, headers ----------


def json_reply(content, status=200):
    return status, json.dumps(content, ensure_ascii=False).encode(), "application/json", ()


def text_reply(text, status=200):
    return status, text.encode(), "text/plain;charset=UTF-8", ()


def truth(text):
    return text.lower() in ("true", "on", "yes", "y", "t")


def instance_of(params):
    metadata = params.get("metadata") or "{}"
    return host(
        params["ip"], int(params["port"]), cluster=params.get("clusterName") or "DEFAULT",
        weight=float(params.get("weight") or 1),
        healthy=truth(params.get("healthy") or "true"),
        enabled=truth(params.get("enabled") or params.get("enable") or "true"),
        ephemeral=truth(params.get("ephemeral") or "true"), metadata=json.loads(metadata))


def register(stub, request):
    for name in ("serviceName", "ip", "port"):
        if not request.params.get(name):
            return text_reply(f"caused: Param '{name}' is required.;", 400)
    record = instance_of(request.params)
    hosts = stub.services.setdefault(request.service, {})
    hosts[(record["ip"], record["port"], record["clusterName"])] = record
    stub.changed(request.service)
    return text_reply("ok")


def deregister(stub, request):
    key = (request.params["ip"], int(request.params["port"]),
           request.params.get("clusterName") or request.params.get("cluster") or "DEFAULT")
    if stub.services.get(request.service, {}).pop(key, None):
        stub.changed(request.service)
    return text_reply("ok")


def beat(stub, request):
    params = dict(request.params)
    full = json.loads(params["beat"]) if params.get("beat") else None
    if full:
        params.update(ip=full["ip"], port=full["port"], clusterName=full.get("cluster", "DEFAULT"))
    key = (params["ip"], int(params["port"]), params.get("clusterName") or "DEFAULT")
    reply = {"clientBeatInterval": stub.beat_interval, "code": 10200,
             "lightBeatEnabled": stub.light_beats}
    hosts = stub.services.setdefault(request.service, {})
    if key not in hosts:
        if not full:
            return json_reply({"clientBeatInterval": stub.beat_interval, "code": 20404})
        hosts[key] = host(key[0], key[1], cluster=key[2], weight=full.get("weight", 1),
                          metadata=full.get("metadata"))
    return json_reply(reply)


def instance_list(stub, request):
    port = int(request.params.get("udpPort") or 0)
    if port > 0:
        target = (request.params.get("clientIP") or "127.0.0.1", port)
        stub.subscribers.setdefault(request.service, set()).add(target)
    return json_reply(stub.list_body(request.service, request.params.get("clusters", "")))


def instance_detail(stub, request):
    params = request.params
    key = (params["ip"], int(params["port"]), params.get("cluster") or "DEFAULT")
    record = stub.services.get(request.service, {}).get(key)
    if record is None:
        return text_reply("caused: no matched ip found!;", 500)
    return json_reply({"service": "@@".join(request.service[1:]), **record})


def service_list(stub, request):
    group = request.params.get("groupName") or GROUP
    namespace = request.params.get("namespaceId") or "public"
    names = sorted(name for ns, g, name in stub.services if (ns, g) == (namespace, group))
    page, size = int(request.params["pageNo"]), int(request.params["pageSize"])
    start = (max(page, 1) - 1) * size
    return json_reply({"doms": names[start:start + size], "count": len(names)})


def catalog_services(stub, request):
    if not stub.catalog:
        return json_reply({"status": 410, "message": "deprecated"}, 410)
    namespace = request.params.get("namespaceId") or "public"
    rows = [{"name": name, "groupName": group, "clusterCount": 1, "ipCount": len(hosts),
             "healthyInstanceCount": len(hosts), "triggerFlag": "false"}
            for (ns, group, name), hosts in sorted(stub.services.items()) if ns == namespace]
    if truth(request.params.get("hasIpCount") or "false"):
        rows = [row for row in rows if row["ipCount"]]
    page, size = int(request.params["pageNo"]), int(request.params["pageSize"])
    start = (max(page, 1) - 1) * size
    return json_reply({"serviceList": rows[start:start + size], "count": len(rows)})


def create_service(stub, request):
    if request.service in stub.services:
        return text_reply("caused: specified service already exists;", 400)
    stub.services[request.service] = {}
    return text_reply("ok")


def delete_service(stub, request):
    if request.service not in stub.services:
        return text_reply("caused: specified service not exist;", 400)
    del stub.services[request.service]
    return text_reply("ok")


def metrics(stub, request):
    return json_reply({"status": "UP", "serviceCount": len(stub.services)})


ROUTES = {
    ("POST", "/instance"): register,
    ("PUT", "/instance"): register,
    ("DELETE", "/instance"): deregister,
    ("GET", "/instance"): instance_detail,
    ("PUT", "/instance/beat"): beat,
    ("GET", "/instance/list"): instance_list,
    ("GET", "/service/list"): service_list,
    ("POST", "/service"): create_service,
    ("DELETE", "/service"): delete_service,
    ("GET", "/catalog/services"): catalog_services,
    ("GET", "/operator/metrics"): metrics,
}
