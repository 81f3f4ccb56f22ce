# SPDX-License-Identifier: MIT
"""What a Nacos 1.4.8 was asked and answered, asked of the registry and compared field by field: statuses,
content types, texts, names and order of fields, values, datagrams. What may differ stands in
DIFFERENCES, with the reason; a difference that is not there fails, and so does one that is there and was
not met."""
import fnmatch
import gzip
import json
import os
import socket
import urllib.error
import urllib.parse
import urllib.request

import pytest
from lib.registry import DIRECT

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CAPTURES = os.path.join(TOP, "tests", "captures", "nacos-1.4.8")
JAVA = {"User-Agent": "Nacos-Java-Client:v1.4.6", "Client-Version": "Nacos-Java-Client:v1.4.6"}
USERS = "nacos:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"

# (label, field, why): patterns of what is asked and of the path to a field. "+x" is a field that 1.4.8
# does not have, "-x" one that we do not have, "status" and "text" are the answer's own.
DIFFERENCES = [
    ("*", "lastRefTime", "a time"),
    ("*", "checksum", "opaque; made of other things"),
    ("*", "+groupName", "clients are better served with it, as in 2.x"),
    ("list-unknown-service", "+lastRefTime", "clients are better served with it, as in 2.x"),
    ("beat-light-unknown-instance", "+lightBeatEnabled", "always there, as in 2.x"),
    ("metrics", "cpu", "the machine's"),
    ("metrics", "load", "the machine's"),
    ("metrics", "mem", "the machine's"),
    ("servers", "servers[0].port", "another port"),
    ("servers", "servers[0].address", "another port"),
    ("servers", "servers[0].extendInfo.-lastRefreshTime", "there is no list that is refreshed"),
    ("servers", "servers[0].extendInfo.-raftPort", "there is no Raft, no second port"),
    ("register-port-too-large", "status", "there is no port 70000; 2.x refuses it, too"),
    ("register-port-too-large", "text", "there is no port 70000; 2.x refuses it, too"),
]


def rows():
    with open(os.path.join(CAPTURES, "http.jsonl"), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def conversation():
    """All but the list calls that watch instances die: 1.4.8 does that in steps of 5 s, we on time."""
    return [row for row in rows() if not row["label"].startswith("list-without-beats")]


def datagram(number):
    with open(os.path.join(CAPTURES, f"push-{number}.json"), encoding="utf-8") as file:
        return json.load(file)


class Comparison:
    """Collects differences; `met` are the rows of the table that were needed."""

    def __init__(self):
        self.found = []
        self.met = set()

    def differs(self, label, path, recorded, got):
        for number, (labels, paths, _) in enumerate(DIFFERENCES):
            if fnmatch.fnmatchcase(label, labels) and path == paths:
                self.met.add(number)
                return
        self.found.append(f"{label}: {path}: recorded {recorded!r}, got {got!r}")

    def objects(self, label, path, recorded, got):
        dot = path + "." if path else ""
        for key in recorded:
            if key not in got:
                self.differs(label, f"{dot}-{key}", recorded[key], None)
        for key in got:
            if key not in recorded:
                self.differs(label, f"{dot}+{key}", None, got[key])
        both = [key for key in recorded if key in got]
        if both != [key for key in got if key in recorded]:
            self.found.append(f"{label}: {path}: fields in another order: {list(got)}")
        for key in both:
            self.values(label, dot + key, recorded[key], got[key])

    def values(self, label, path, recorded, got):
        if isinstance(recorded, dict) and isinstance(got, dict):
            self.objects(label, path, recorded, got)
        elif isinstance(recorded, list) and isinstance(got, list) and len(recorded) == len(got):
            if path == "hosts":  # in no order there, in that of addresses here
                recorded, got = (sorted(hosts, key=lambda host: host["instanceId"]) for hosts in (recorded, got))
            for number, (left, right) in enumerate(zip(recorded, got)):
                self.values(label, f"{path}[{number}]", left, right)
        elif type(recorded) is not type(got) or recorded != got:
            self.differs(label, path, recorded, got)

    def answers(self, row, got):
        label = row["label"]
        status, kind, text = got
        if status != row["status"]:
            self.differs(label, "status", row["status"], status)
        if kind != row["content_type"]:
            self.differs(label, "content type", row["content_type"], kind)
        if kind == "application/json" and row["content_type"] == kind:
            self.values(label, "", json.loads(row["body"]), json.loads(text))
        elif text != row["body"]:
            self.differs(label, "text", row["body"], text)

    def datagrams(self, number, got):
        """The packet around may have any lastRefTime; the data inside is a list reply."""
        label = f"push-{number}"
        recorded = datagram(number)
        self.objects(label, "", {**recorded, "data": ""}, {**got, "data": ""})
        self.objects(label, "", json.loads(recorded["data"]), json.loads(got["data"]))


class Receiver:
    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10)
        self.port = self.socket.getsockname()[1]

    def packet(self):
        data, sender = self.socket.recvfrom(65536)
        packet = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
        ack = {"type": "push-ack", "lastRefTime": str(packet["lastRefTime"]), "data": ""}
        self.socket.sendto(json.dumps(ack).encode(), sender)
        return packet


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.socket.close()


def ask(registry, row, udp_port=9, body=False):
    """(status, content type, text) of a recorded request, its parameters in the query or in a form."""
    params = dict(row["params"])
    if int(params.get("udpPort", 0)):
        params["udpPort"] = udp_port
    form = urllib.parse.urlencode(params)
    url = f"http://{registry.address}/nacos{row['path']}" + ("" if body else f"?{form}")
    headers = {} if row["label"] == "list-no-agent" else dict(JAVA)
    request = urllib.request.Request(url, method=row["method"], headers=headers,
                                     data=form.encode() if body else None)
    try:
        with DIRECT.open(request, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


@pytest.fixture
def guarded(registries, place):
    path = os.path.join(place, "users")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write(USERS)
    return registries("--auth", path)


def test_conversation(registry, guarded, receiver):
    comparison = Comparison()
    pushed_after = {"register-second": 1, "update-weight": 2}
    for row in conversation():
        # only a registry with users has wrong passwords
        server = guarded if row["label"].startswith("login") else registry
        comparison.answers(row, ask(server, row, receiver.port))
        if row["label"] in pushed_after:
            comparison.datagrams(pushed_after[row["label"]], receiver.packet())
    assert not comparison.found, "\n".join(comparison.found)
    unmet = [DIFFERENCES[number] for number in range(len(DIFFERENCES)) if number not in comparison.met]
    assert not unmet, f"no such differences: {unmet}"


def test_conversation_in_forms(registry, guarded):
    """1.4.8 itself does not see the form of a POST; the other answers are the same."""
    comparison = Comparison()
    for row in conversation():
        server = guarded if row["label"].startswith("login") else registry
        comparison.answers(row, ask(server, row, body=True))
    assert not comparison.found, "\n".join(comparison.found)


def test_push_of_an_empty_service(registry, receiver):
    comparison = Comparison()
    for row in conversation():
        if row["label"] in ("register", "list-and-subscribe"):
            ask(registry, row, receiver.port)
    registry.deregister("order-svc", "10.1.2.3", 8080)
    comparison.datagrams(8, receiver.packet())
    assert not comparison.found, "\n".join(comparison.found)


def test_comparison_sees_a_difference():
    comparison = Comparison()
    comparison.values("x", "", {"a": 1, "b": [1]}, {"b": [2], "c": 1.0})
    assert comparison.found == ["x: -a: recorded 1, got None", "x: +c: recorded None, got 1.0",
                                "x: b[0]: recorded 1, got 2"]
