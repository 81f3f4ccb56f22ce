# SPDX-License-Identifier: MIT
"""Writes: registering, deregistering, merging; which system call gets which error."""
import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from lib.inotify import Watch
from lib.mounts import fields, lines, read, write
from lib.wait import Timed, stays, wait_until
from stub_server import AcceptThen, Answer, Delay, Edited, Reset, Silence

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
REST = "weight=1 healthy=true enabled=true ephemeral=true cluster=DEFAULT"
TIMEOUT = 2


def error_of(call, *arguments):
    with pytest.raises(OSError) as error:
        call(*arguments)
    return errno.errorcode[error.value.errno]


@pytest.fixture
def service(mount, stub):
    """Path of a service directory that is empty on the server."""
    mounted = mount(stub.address, f"timeout={TIMEOUT}")
    os.makedirs(mounted / SERVICE)
    service = mounted / SERVICE
    return service


@pytest.fixture
def register(service):
    return service + "/register"


@pytest.fixture
def foreign(service, stub):
    """The same, with an instance that somebody else registered."""
    stub.add("order-svc", "10.9.9.9", 80, metadata={"owner": "other"})
    wait_until(lambda: "10.9.9.9:80" in os.listdir(service + "/hosts"), 5)
    return service


def posts(stub):
    return stub.count("POST", "/instance")


# --- register ---------------------------------------------------------------------------------------------


def test_register_reaches_the_server(register, stub):
    write(register, "10.0.0.1:8080\n")
    assert list(stub.hosts("order-svc")) == [("10.0.0.1", 8080, "DEFAULT")]


def test_write_returns_all_bytes(register):
    assert write(register, "10.0.0.1:8080\n") == 14


def test_open_after_the_write_shows_the_instance(register, service):
    write(register, "10.0.0.1:8080\n")
    assert lines(service + "/instances") == ["10.0.0.1:8080 " + REST]


def test_hosts_shows_the_instance_after_the_write(register, service):
    write(register, "10.0.0.1:8080\n")
    assert os.listdir(service + "/hosts") == ["10.0.0.1:8080"]


def test_own_instance_is_shown_although_the_servers_list_lags(register, service, stub):
    stub.on("GET", "/instance/list", Edited(lambda reply: {**reply, "hosts": []}))
    write(register, "10.0.0.1:8080\n")
    assert lines(service + "/instances") == ["10.0.0.1:8080 " + REST]


def test_own_instance_is_left_out_although_the_servers_list_lags(register, service, stub):
    write(register, "10.0.0.1:8080\n")
    assert lines(service + "/instances")
    stub.on("DELETE", "/instance", Answer(200, "ok", "text/plain"))
    write(service + "/deregister", "10.0.0.1:8080\n")
    assert read(service + "/instances") == ""


def test_register_again_without_opening_the_service_before(mount, stub):
    stub.add_service("order-svc")
    mounted = mount(stub.address)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:8080\n")
    assert posts(stub) == 1


def test_parameters_of_the_request(mount, stub):
    mounted = mount(stub.address, "namespace=dev")
    os.makedirs(mounted / "MINE/order-svc")
    write(mounted / "MINE/order-svc/register",
          "10.0.0.1:8080 weight=2.5 healthy=true enabled=true ephemeral=true cluster=hz meta.a=b\n")
    params = stub.seen("POST", "/instance")[0].params
    assert (params["serviceName"], params["ip"], params["port"]) == ("MINE@@order-svc", "10.0.0.1", "8080")
    assert (params["namespaceId"], params["clusterName"], float(params["weight"])) == ("dev", "hz", 2.5)
    assert (params["healthy"], params.get("enable", params.get("enabled"))) == ("true", "true")
    assert (params["ephemeral"], json.loads(params["metadata"])) == ("true", {"a": "b"})


def test_parameters_are_in_the_query(register, stub):
    """Nacos 1.4 does not see a form in a POST's body."""
    write(register, "10.0.0.1:8080\n")
    request = stub.seen("POST", "/instance")[0]
    assert "ip=10.0.0.1" in request.target and request.body == b""


@pytest.mark.parametrize("value", ["a&b=c", "a%26b", "a+b", "é中", '"{}\\', "a;b", "#?/"])
def test_metadata_arrives_as_written(register, stub, value):
    write(register, f"10.0.0.1:8080 meta.k={value.replace(chr(92), chr(92) + '134')}\n")
    request = stub.seen("POST", "/instance")[0]
    assert json.loads(request.params["metadata"]) == {"k": value}
    assert not request.repeated and request.params["ip"] == "10.0.0.1"


def test_escapes_are_undone(register, stub):
    write(register, r"10.0.0.1:8080 meta.a\075b=c\040d\011\134\012e" + "\n")
    assert json.loads(stub.seen("POST", "/instance")[0].params["metadata"]) == {"a=b": "c d\t\\\ne"}


def test_ipv6(register, service, stub):
    write(register, "[::1]:8080\n")
    assert stub.seen("POST", "/instance")[0].params["ip"] == "::1"
    assert lines(service + "/healthy") == ["[::1]:8080"]


def test_several_lines_in_one_write(register, stub):
    write(register, "10.0.0.3:80\n10.0.0.1:80\n10.0.0.2:80\n")
    assert [r.params["ip"] for r in stub.seen("POST", "/instance")] == ["10.0.0.3", "10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize("text", ["\n\n", "# a comment\n", "   \n", "\t\n", "#10.0.0.1:80\n"])
def test_blank_lines_and_comments_are_skipped(register, stub, text):
    assert write(register, text) == len(text)
    assert posts(stub) == 0


def test_comment_between_lines(register, stub):
    write(register, "10.0.0.1:80\n# two\n\n10.0.0.2:80\n")
    assert posts(stub) == 2


def test_line_split_over_writes(register, stub):
    fd = os.open(register, os.O_WRONLY)
    os.write(fd, b"10.0.0.1:80")
    assert posts(stub) == 0
    os.write(fd, b"80\n")
    assert stub.seen("POST", "/instance")[0].params["port"] == "8080"
    os.close(fd)
    assert posts(stub) == 1


def test_one_byte_at_a_time(register, stub):
    fd = os.open(register, os.O_WRONLY)
    for byte in b"10.0.0.1:8080 weight=2\n":
        os.write(fd, bytes([byte]))
    os.close(fd)
    assert [r.params["weight"] for r in stub.seen("POST", "/instance")] in (["2"], ["2.0"])


def test_writes_at_offsets_are_a_stream(register, stub):
    fd = os.open(register, os.O_WRONLY)
    os.pwrite(fd, b"10.0.0.1:", 0)
    os.pwrite(fd, b"8080\n", 9)
    os.close(fd)
    assert posts(stub) == 1


def test_unfinished_last_line_is_done_at_close(register, stub):
    fd = os.open(register, os.O_WRONLY)
    os.write(fd, b"10.0.0.1:8080")
    assert posts(stub) == 0
    os.close(fd)
    assert posts(stub) == 1


def test_bad_unfinished_last_line_is_closes_error(register, stub):
    fd = os.open(register, os.O_WRONLY)
    os.write(fd, b"nonsense")
    assert error_of(os.close, fd) == "EINVAL"
    assert posts(stub) == 0


def test_refused_unfinished_last_line_is_closes_error(register, stub):
    stub.on("POST", "/instance", Answer(403, "no"))
    fd = os.open(register, os.O_WRONLY)
    os.write(fd, b"10.0.0.1:8080")
    assert error_of(os.close, fd) == "EACCES"


def test_descriptors_have_buffers_of_their_own(register, stub):
    first = os.open(register, os.O_WRONLY)
    second = os.open(register, os.O_WRONLY)
    os.write(first, b"10.0.0.1:")
    os.write(second, b"10.0.0.2:")
    os.write(first, b"81\n")
    os.write(second, b"82\n")
    os.close(first)
    os.close(second)
    assert [(r.params["ip"], r.params["port"]) for r in stub.seen("POST", "/instance")] == [
        ("10.0.0.1", "81"), ("10.0.0.2", "82")]


def test_duplicated_descriptor_registers_once(register, stub):
    """bash closes a copy of the descriptor before it writes."""
    fd = os.open(register, os.O_WRONLY)
    os.close(os.dup(fd))
    os.write(fd, b"10.0.0.1:80\n")
    os.close(os.dup(fd))
    os.close(fd)
    assert posts(stub) == 1


@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_TRUNC,
                                   os.O_RDWR])
def test_every_way_to_open_adds(register, stub, flags):
    write(register, "10.0.0.1:80\n")
    write(register, "10.0.0.2:80\n", flags)
    assert len(stub.hosts("order-svc")) == 2


def test_register_replaces_the_whole_record(register, service):
    write(register, "10.0.0.1:80 weight=5 meta.a=b\n")
    write(register, "10.0.0.1:80 meta.c=d\n")
    assert lines(service + "/instances") == ["10.0.0.1:80 " + REST + " meta.c=d"]


def test_register_takes_over_what_somebody_else_registered(foreign):
    write(foreign + "/register", "10.9.9.9:80 weight=3\n")
    assert " weight=3 " in lines(foreign + "/instances")[0]


def test_register_reads_back_what_this_mount_keeps(foreign):
    write(foreign + "/register", "10.0.0.2:80\n10.0.0.1:80 meta.a=b\n")
    assert lines(foreign + "/register") == ["10.0.0.1:80 " + REST + " meta.a=b", "10.0.0.2:80 " + REST]


def test_deregister_reads_as_empty(register, service):
    write(register, "10.0.0.1:80\n")
    assert read(service + "/deregister") == ""


def test_own_address(register, stub):
    write(register, ":8080\n")
    assert stub.seen("POST", "/instance")[0].params["ip"] == "127.0.0.1"


def test_own_address_as_an_option(mount, stub):
    mounted = mount(stub.address, "ip=192.0.2.7")
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", ":8080\n")
    assert stub.seen("POST", "/instance")[0].params["ip"] == "192.0.2.7"


def test_registered_is_a_table_of_what_is_kept(mount, stub):
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:80\n10.0.0.2:80 ephemeral=false\n")
    text = read(mounted / ".nacos/registered")
    assert len(text.splitlines()) == 2
    assert "10.0.0.1:80" in text and "10.0.0.2:80" in text and "order-svc" in text


def test_instances_of_the_json_file_can_be_written(service, register, stub, mount):
    stub.add("old-svc", "10.0.0.1", 80, metadata={"note": "a b"}, weight=2.5)
    old = os.path.dirname(service) + "/old-svc"
    for host in json.loads(read(old + "/instances.json"))["hosts"]:
        write(register, json.dumps(host) + "\n")
    assert read(service + "/instances") == read(old + "/instances") != ""


def test_json_with_an_unknown_field_is_refused(register, stub):
    assert error_of(write, register, '{"ip": "10.0.0.1", "port": 80, "colour": "red"}\n') == "EINVAL"
    assert posts(stub) == 0


# --- errors -----------------------------------------------------------------------------------------------


def test_short_write_before_the_first_bad_line(register, stub):
    good = b"10.0.0.1:80\n10.0.0.2:80\n"
    assert write(register, good + b"nonsense\n10.0.0.3:80\n") == len(good)
    assert posts(stub) == 2


def test_first_bad_line_is_the_writes_error(register, stub):
    assert error_of(write, register, "nonsense\n10.0.0.1:80\n") == "EINVAL"
    assert posts(stub) == 0


def test_short_write_before_the_first_refused_line(register, stub):
    stub.on("POST", "/instance", Answer(400, "caused: no;"), when=lambda r: r.params["ip"] == "10.0.0.2")
    assert write(register, "10.0.0.1:80\n10.0.0.2:80\n10.0.0.3:80\n") == 12
    assert [r.params["ip"] for r in stub.seen("POST", "/instance")] == ["10.0.0.1", "10.0.0.2"]


def test_line_after_a_bad_one_in_the_next_write(register, stub):
    fd = os.open(register, os.O_WRONLY)
    with pytest.raises(OSError):
        os.write(fd, b"nonsense\n")
    os.write(fd, b"10.0.0.1:80\n")
    os.close(fd)
    assert posts(stub) == 1


def test_line_over_64_kib(register, stub):
    assert error_of(write, register, "10.0.0.1:80 meta.k=" + "x" * 66000 + "\n") == "EMSGSIZE"
    assert posts(stub) == 0


def test_line_over_64_kib_in_pieces(register, stub):
    fd = os.open(register, os.O_WRONLY)

    def pieces():
        os.write(fd, b"10.0.0.1:80 meta.k=")
        for _ in range(20):
            os.write(fd, b"x" * 4096)

    assert error_of(pieces) == "EMSGSIZE"
    try:
        os.close(fd)
    except OSError:
        pass
    assert posts(stub) == 0


def test_long_line_within_64_kib(register, stub):
    value = "x" * 60000
    write(register, f"10.0.0.1:80 meta.k={value}\n")
    assert json.loads(stub.seen("POST", "/instance")[0].params["metadata"]) == {"k": value}


MALFORMED = [
    "nonsense", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:-1", "10.0.0.1:+80",
    "10.0.0.1:80x", "10.0.0.1:0x50", "10.0.0.1: 80", "10.0.0.1 :80", "10.0.0.256:80", "1.2.3:80",
    "::1:80", "[::1]", "[::1:80", "[10.0.0.1]:80", "[::g]:80", "host name:80", "a/b:80", "a%b:80",
    "10.0.0.1:80 weight=heavy", "10.0.0.1:80 weight=-1", "10.0.0.1:80 weight=10001",
    "10.0.0.1:80 weight=nan", "10.0.0.1:80 weight=inf", "10.0.0.1:80 weight=1e999",
    "10.0.0.1:80 weight=1,5", "10.0.0.1:80 weight=", "10.0.0.1:80 weight=0x10",
    "10.0.0.1:80 healthy=yes", "10.0.0.1:80 healthy=1", "10.0.0.1:80 healthy=TRUE",
    "10.0.0.1:80 enabled", "10.0.0.1:80 ephemeral=", "10.0.0.1:80 cluster=", "10.0.0.1:80 cluster=a b",
    "10.0.0.1:80 cluster=a_b", "10.0.0.1:80 cluster=../x", "10.0.0.1:80 weight=1 weight=2",
    "10.0.0.1:80 meta.a=1 meta.a=2", "10.0.0.1:80 unknown=1", "10.0.0.1:80 port=81", "10.0.0.1:80 ip=1.1.1.1",
    "10.0.0.1:80 weight=1&ip=1.1.1.1", "10.0.0.1:80 meta.=x", "10.0.0.1:80 =x", "10.0.0.1:80 meta.k",
    "10.0.0.1:80 10.0.0.2:80", "10.0.0.1:80\r", "10.0.0.1:80 meta.k=a\rb", "10.0.0.1:80 meta.k=\\9",
    "10.0.0.1:80 meta.k=\\08", "10.0.0.1:80 meta.k=\\400", "10.0.0.1:80 meta.k=a\\", "10.0.0.1:80 meta.k=\\000",
    b"10.0.0.1:80 meta.k=\xff", b"10.0.0.1:80 meta.k=\xc0\xaf", b"10.0.0.1:80 meta.k=\x01",
    b"10.0.0.1:80\x00", b"\x00", b"\xff\xfe", "GET / HTTP/1.1", "10.0.0.1:80;rm", "$(reboot):80",
]


@pytest.fixture(scope="module")
def shared(build, base):
    """One mount for the whole table: (stub, service directory)."""
    from lib.mounts import Mount
    from stub_server import StubServer
    with StubServer() as stub:
        mounted = Mount(build, stub.address, os.path.join(base, "malformed")).start()
        try:
            os.makedirs(mounted / SERVICE)
            yield stub, mounted / SERVICE
            mounted.stop()
        finally:
            mounted.destroy()


@pytest.mark.parametrize("line", MALFORMED, ids=repr)
def test_malformed_line(shared, line):
    stub, service = shared
    data = (line if isinstance(line, bytes) else line.encode()) + b"\n"
    assert error_of(write, service + "/register", data) == "EINVAL"
    assert posts(stub) == 0


def test_random_lines_are_refused_or_arrive_whole(shared):
    stub, service = shared
    rng = random.Random(11)
    pieces = [b"10.0.0.1:80", b" ", b"weight=", b"meta.", b"k", b"=", b"1", b"\\040", b"\\", b"&ip=6.6.6.6",
              b"\xc3\xa9", b"\x00", b"[::1]:80", b"%0a", b"cluster=a", b"#", b"-", b"\xff", b"\t", b'"']
    stub.requests.clear()
    fd = os.open(service + "/register", os.O_WRONLY)
    try:
        for _ in range(1500):
            line = b"".join(rng.choice(pieces) for _ in range(rng.randint(1, 12)))
            seen = posts(stub)
            try:
                os.write(fd, line + b"\n")
            except OSError as error:
                assert error.errno == errno.EINVAL, line
            for request in stub.seen("POST", "/instance")[seen:]:
                ip = request.params["ip"]
                address = f"[{ip}]" if ":" in ip else ip
                assert line.split()[0].decode() == f"{address}:{request.params['port']}"
                assert not request.repeated
    finally:
        os.close(fd)
    for line in lines(service + "/register"):
        write(service + "/deregister", line + "\n")
    stub.requests.clear()


@pytest.mark.parametrize("line", [
    "10.0.0.1:80 ", " 10.0.0.1:80", "10.0.0.1:80  weight=1", "10.0.0.1:80\tweight=1"], ids=repr)
def test_spare_blanks_register_or_are_refused_but_never_garble(shared, line):
    stub, service = shared
    seen = posts(stub)
    try:
        write(service + "/register", line + "\n")
    except OSError as error:
        assert error.errno == errno.EINVAL and posts(stub) == seen
    else:
        params = stub.seen("POST", "/instance")[-1].params
        assert (params["ip"], params["port"], float(params["weight"])) == ("10.0.0.1", "80", 1)
        write(service + "/deregister", "10.0.0.1:80\n")
        stub.requests.clear()


@pytest.mark.parametrize("status,wanted", [
    (400, "EINVAL"), (401, "EACCES"), (403, "EACCES"), (404, "ENOENT"), (405, "EREMOTEIO"),
    (410, "EREMOTEIO"), (500, "EREMOTEIO"), (501, "EREMOTEIO"), (503, "EREMOTEIO"), (302, "EREMOTEIO")])
def test_server_refuses(register, stub, status, wanted):
    stub.on("POST", "/instance", Answer(status, "caused: no;", "text/plain"))
    assert error_of(write, register, "10.0.0.1:80\n") == wanted


def test_register_at_a_dead_server(register, stub):
    stub.close()
    assert error_of(write, register, "10.0.0.1:80\n") == "EHOSTUNREACH"


def test_register_at_a_silent_server(register, stub):
    stub.on("POST", "/instance", Silence())
    with Timed() as timed:
        assert error_of(write, register, "10.0.0.1:80\n") == "ETIMEDOUT"
    assert timed.seconds < TIMEOUT + 0.5


def test_nothing_is_registered_after_an_error(register, service, stub):
    stub.on("POST", "/instance", Answer(500, "caused: no;"))
    with pytest.raises(OSError):
        write(register, "10.0.0.1:80 meta.preserved.heart.beat.interval=200\n")
    assert read(register) == ""
    stays(lambda: stub.count("PUT", "/instance/beat") == 0, 1)


@pytest.mark.heavy
def test_no_beat_after_the_answer_was_lost(register, stub):
    stub.on("POST", "/instance", AcceptThen(Silence()))
    assert error_of(write, register, "10.0.0.1:80 meta.preserved.heart.beat.interval=200\n") == "ETIMEDOUT"
    assert read(register) == ""
    stays(lambda: stub.count("PUT", "/instance/beat") == 0, 1)


def test_second_server_registers_when_the_first_is_dead(mount, stubs):
    first, second = stubs(), stubs()
    mounted = mount(f"{first.address},{second.address}")
    os.makedirs(mounted / SERVICE)
    first.close()
    write(mounted / f"{SERVICE}/register", "10.0.0.1:80\n")
    assert second.hosts("order-svc")


def test_lost_answer_of_one_attempt_registers_once(register, stub):
    stub.on("POST", "/instance", AcceptThen(Reset()), times=1)
    write(register, "10.0.0.1:80\n")
    assert len(stub.hosts("order-svc")) == 1


def test_error_is_told(mount, stub, service, register):
    stub.on("POST", "/instance", Answer(400, "caused: bad weather;", "text/plain"))
    with pytest.raises(OSError):
        write(register, "10.0.0.1:80\n")
    record = fields(lines(service.rsplit("/", 2)[0] + "/.nacos/errors")[-1])
    assert {"time", "errno", "path", "server", "text"} <= set(record)
    assert record["errno"] == "EINVAL" and "order-svc" in record["path"]
    assert stub.address in record["server"] and "bad weather" in record["text"]


def test_malformed_line_is_told(service, register):
    with pytest.raises(OSError):
        write(register, "10.0.0.1:80 weight=heavy\n")
    assert "weight" in fields(lines(service.rsplit("/", 2)[0] + "/.nacos/errors")[-1])["text"]


def test_only_the_last_100_errors_are_kept(service, register):
    for number in range(120):
        with pytest.raises(OSError):
            write(register, f"10.0.0.1:80 nonsense{number}=1\n")
    found = lines(service.rsplit("/", 2)[0] + "/.nacos/errors")
    assert len(found) == 100 and "nonsense119" in found[-1]


# --- deregister -------------------------------------------------------------------------------------------


def test_deregister_by_line(register, service, stub):
    write(register, "10.0.0.1:80\n10.0.0.2:80\n")
    write(service + "/deregister", "10.0.0.1:80\n")
    assert list(stub.hosts("order-svc")) == [("10.0.0.2", 80, "DEFAULT")]
    assert os.listdir(service + "/hosts") == ["10.0.0.2:80"]


def test_deregister_by_a_line_of_instances(register, service, stub):
    write(register, "10.0.0.1:80 weight=2 meta.a=b\n")
    write(service + "/deregister", read(service + "/instances"))
    assert not stub.hosts("order-svc")


def test_deregister_by_rm(register, service, stub):
    write(register, "10.0.0.1:80\n")
    os.unlink(service + "/hosts/10.0.0.1:80")
    assert not stub.hosts("order-svc")
    assert read(service + "/register") == "" and os.listdir(service + "/hosts") == []


def test_deregister_in_a_cluster(register, service, stub):
    write(register, "10.0.0.1:80 cluster=a\n")
    write(service + "/deregister", "10.0.0.1:80\n")
    assert stub.seen("DELETE", "/instance")[0].params["clusterName"] == "a"
    assert not stub.hosts("order-svc")


def test_deregister_one_of_two_clusters(register, service, stub):
    write(register, "10.0.0.1:80 cluster=a\n10.0.0.1:80 cluster=b\n")
    write(service + "/deregister", "10.0.0.1:80 cluster=b\n")
    assert list(stub.hosts("order-svc")) == [("10.0.0.1", 80, "a")]


def test_deregister_a_persistent_instance(register, service, stub):
    write(register, "10.0.0.1:80 ephemeral=false\n")
    write(service + "/deregister", "10.0.0.1:80\n")
    assert stub.seen("DELETE", "/instance")[0].params["ephemeral"] == "false"


def test_deregister_of_what_is_not_listed(register, service, stub):
    assert error_of(write, service + "/deregister", "10.0.0.1:80\n") == "ENOENT"
    assert stub.count("DELETE", "/instance") == 0


def test_rm_of_what_is_not_listed(service):
    assert error_of(os.unlink, service + "/hosts/10.0.0.1:80") == "ENOENT"


def test_deregister_of_what_somebody_else_registered(foreign, stub):
    assert error_of(write, foreign + "/deregister", "10.9.9.9:80\n") == "EPERM"
    assert stub.hosts("order-svc")


def test_rm_of_what_somebody_else_registered(foreign, stub):
    assert error_of(os.unlink, foreign + "/hosts/10.9.9.9:80") == "EPERM"
    assert stub.hosts("order-svc")


def test_rm_rf_takes_no_foreign_instance_down(foreign, stub):
    subprocess.run(["rm", "-rf", foreign], stderr=subprocess.DEVNULL, check=False, timeout=30)
    assert stub.hosts("order-svc")


def test_write_to_hosts_of_what_somebody_else_registered(foreign, stub):
    assert error_of(write, foreign + "/hosts/10.9.9.9:80", "enabled=false\n") == "EPERM"


@pytest.fixture
def as_admin(mount, stub):
    stub.add("order-svc", "10.9.9.9", 80, metadata={"owner": "other"})
    mounted = mount(stub.address, "admin")
    assert lines(mounted / f"{SERVICE}/healthy") == ["10.9.9.9:80"]
    return mounted / SERVICE


def test_admin_deregisters_anything(as_admin, stub):
    write(as_admin + "/deregister", "10.9.9.9:80\n")
    assert not stub.hosts("order-svc")


def test_admin_changes_what_others_registered(as_admin, stub):
    write(as_admin + "/hosts/10.9.9.9:80", "weight=3\n")
    assert read(as_admin + "/instances").startswith("10.9.9.9:80 weight=3 ")
    assert (stub.count("PUT", "/instance"), stub.count("POST", "/instance")) == (1, 0)
    assert read(as_admin + "/register") == ""  # changed, not taken over


def test_admin_removes_anything(as_admin, stub):
    os.unlink(as_admin + "/hosts/10.9.9.9:80")
    assert not stub.hosts("order-svc")


def test_failed_rm_leaves_the_name(register, service, stub):
    write(register, "10.0.0.1:80\n")
    stub.on("DELETE", "/instance", Answer(500, "caused: no;"))
    assert error_of(os.unlink, service + "/hosts/10.0.0.1:80") == "EREMOTEIO"
    assert os.listdir(service + "/hosts") == ["10.0.0.1:80"]


# --- hosts/ -----------------------------------------------------------------------------------------------


@pytest.fixture
def own(register, service):
    """The file of an instance of ours."""
    write(register, "10.0.0.1:80 weight=2 meta.a=b\n")
    return service + "/hosts/10.0.0.1:80"


def test_offline_and_back(own, service, stub):
    write(own, "enabled=false\n")
    assert stub.hosts("order-svc")[("10.0.0.1", 80, "DEFAULT")]["enabled"] is False
    wait_until(lambda: read(service + "/healthy") == "", 6)
    write(own, "enabled=true\n")
    wait_until(lambda: lines(service + "/healthy") == ["10.0.0.1:80"], 6)


def test_offline_instance_stays_in_hosts_and_register(own, service):
    write(own, "enabled=false\n")
    wait_until(lambda: read(service + "/instances") == "", 6)
    assert os.listdir(service + "/hosts") == ["10.0.0.1:80"]
    assert " enabled=false " in read(service + "/register")


def test_writing_to_hosts_merges(own):
    write(own, "meta.c=d\n")
    assert read(own) == "weight=2 healthy=true enabled=true ephemeral=true cluster=DEFAULT " \
                        "meta.a=b meta.c=d\n"


def test_several_attributes_in_one_line(own):
    write(own, "weight=7 meta.a=changed\n")
    assert "weight=7" in read(own) and "meta.a=changed" in read(own)


def test_metadata_key_is_removed(own):
    write(own, "-meta.a\n")
    assert "meta." not in read(own)


@pytest.mark.parametrize("text", ["10.0.0.1:80\n", "unknown=1\n", "weight=x\n", "cluster=other\n",
                                  "weight=1 weight=2\n", "nonsense\n", "-meta.\n", "-weight\n"])
def test_bad_attributes(own, text):
    before = read(own)
    assert error_of(write, own, text) == "EINVAL"
    assert read(own) == before


def test_blank_line_in_a_new_file_registers_with_defaults(service, stub):
    subprocess.run(["sh", "-c", 'echo > "$0"', service + "/hosts/10.0.0.5:80"], check=True, timeout=20)
    wait_until(lambda: stub.hosts("order-svc"), 5)
    assert read(service + "/hosts/10.0.0.5:80") == REST + "\n"


def test_name_is_gone_when_deregister_returns(service, register):
    with Watch(service + "/hosts"):  # somebody is to be told of its DELETE
        for _ in range(20):
            write(register, "10.0.0.5:80\n")
            write(service + "/deregister", "10.0.0.5:80\n")
            assert os.listdir(service + "/hosts") == []
            subprocess.run(["touch", service + "/hosts/10.0.0.5:80"], check=True)
            wait_until(lambda: read(register), 5)  # kept here: the server knew it a moment before
            write(service + "/deregister", "10.0.0.5:80\n")


def test_touch_registers_with_defaults(service, stub):
    subprocess.run(["touch", service + "/hosts/10.0.0.5:81"], check=True, timeout=20)
    wait_until(lambda: stub.hosts("order-svc"), 3)  # RELEASE tells, behind touch's back
    assert read(service + "/hosts/10.0.0.5:81") == REST + "\n"


def test_new_file_in_hosts_registers_what_is_written(service, stub):
    subprocess.run(["sh", "-c", 'echo "weight=3" > "$0"', service + "/hosts/10.0.0.5:81"], check=True,
                   timeout=20)
    assert stub.hosts("order-svc")[("10.0.0.5", 81, "DEFAULT")]["weight"] == 3


def test_new_file_in_hosts_with_a_cluster(service, stub):
    subprocess.run(["sh", "-c", 'echo "weight=3" > "$0"', service + "/hosts/10.0.0.5:81@hz"], check=True,
                   timeout=20)
    assert list(stub.hosts("order-svc")) == [("10.0.0.5", 81, "hz")]


def test_new_file_in_hosts_is_registered_once(service, stub):
    subprocess.run(["sh", "-c", 'echo "weight=3" > "$0"', service + "/hosts/10.0.0.5:81"], check=True,
                   timeout=20)
    assert posts(stub) == 1


def test_new_file_with_a_refused_line_leaves_nothing(service, stub):
    def create():
        write(service + "/hosts/10.0.0.5:81", "nonsense\n", os.O_WRONLY | os.O_CREAT)

    assert error_of(create) == "EINVAL"
    wait_until(lambda: os.listdir(service + "/hosts") == [], 3)
    assert posts(stub) == 0


@pytest.mark.parametrize("name", ["nonsense", ".10.0.0.1:80.swp", "sedXY12", "10.0.0.1", "10.0.0.1:99999",
                                  "10.0.0.1:080", "10.0.0.1:80@DEFAULT", "010.0.0.1:80", "[::01]:80"])
def test_name_that_is_no_address(service, name):
    assert error_of(os.open, f"{service}/hosts/{name}", os.O_WRONLY | os.O_CREAT) == "EINVAL"


# --- what keeps living ------------------------------------------------------------------------------------


def test_persistent_instance_stays_at_unmount(mount, stub):
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:80 ephemeral=false\n")
    mounted.stop()
    assert stub.hosts("order-svc") and stub.count("DELETE", "/instance") == 0


def test_write_that_is_interrupted_registers_nothing(register, stub):
    stub.on("POST", "/instance", Delay(1.4))
    writer = subprocess.Popen([sys.executable, "-c",
                               "import os, sys; fd = os.open(sys.argv[1], os.O_WRONLY)\n"
                               "os.write(fd, b'10.0.0.1:80\\n')", register],
                              stderr=subprocess.DEVNULL)
    stub.wait_for("POST", "/instance")
    with Timed() as timed:
        writer.send_signal(signal.SIGINT)
        writer.wait(5)
    assert timed.seconds < 1.2
    time.sleep(1.6)  # the server's answer comes now
    wait_until(lambda: not stub.hosts("order-svc"), 3)
    assert read(register) == ""


def test_parallel_registers_in_many_services(mount, stub):
    mounted = mount(stub.address)
    stub.on("POST", "/instance", Delay(0.5))
    for number in range(16):
        os.makedirs(mounted / f"{GROUP}/svc-{number}")

    def one(number):
        write(mounted / f"{GROUP}/svc-{number}/register", f"10.0.0.{number + 1}:80\n")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    with Timed() as timed:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert timed.seconds < 3  # 8 s one after the other
    assert all(stub.hosts(f"svc-{number}") for number in range(16))


# --- programs ---------------------------------------------------------------------------------------------


def shell(command, path, **how):
    return subprocess.run(["bash", "-c", command, path], capture_output=True, text=True, timeout=20,
                          check=False, **how)


@pytest.mark.parametrize("command", [
    'echo 10.0.0.1:80 > "$0"', 'echo 10.0.0.1:80 >> "$0"', 'printf "10.0.0.1:80\\n" > "$0"',
    'printf 10.0.0.1:80 > "$0"', 'echo 10.0.0.1:80 | tee "$0"', 'echo 10.0.0.1:80 | tee -a "$0"',
    'echo 10.0.0.1:80 | dd of="$0" status=none', 'echo 10.0.0.1:80 | dd of="$0" conv=notrunc status=none',
    'exec 9> "$0"; echo 10.0.0.1:80 >&9; exec 9>&-', 'cat <<< 10.0.0.1:80 > "$0"',
    'f=$(mktemp); echo 10.0.0.1:80 > $f; cp $f "$0"; rm $f'])
def test_program_registers(register, stub, command):
    result = shell(command, register)
    assert (result.returncode, result.stderr) == (0, "")
    assert posts(stub) == 1 and stub.hosts("order-svc")


def test_shell_sees_the_error(register):
    result = shell('echo nonsense > "$0"', register)
    assert result.returncode == 1 and "Invalid argument" in result.stderr


def test_shell_sees_a_refusal(register, stub):
    stub.on("POST", "/instance", Answer(403, "no"))
    assert "Permission denied" in shell('echo 10.0.0.1:80 > "$0"', register).stderr


def test_sed_in_place_leaves_the_original(own):
    before = read(own)
    assert shell('sed -i s/2/3/ "$0"', own).returncode != 0
    assert read(own) == before


def test_vim_edits_an_instance(own, stub):
    result = shell('vim -es -u NONE -c "%s/weight=2/weight=7/" -c wq "$0"', own)
    assert (result.returncode, result.stderr) == (0, "")
    assert stub.hosts("order-svc")[("10.0.0.1", 80, "DEFAULT")]["weight"] == 7
    assert read(own).startswith("weight=7 ") and " meta.a=b\n" in read(own)


@pytest.mark.parametrize("command", ['rm -r "$0"', 'rm -rf "$0"'])
def test_rm_r_deregisters_what_is_ours_alone(foreign, stub, command):
    write(foreign + "/register", "10.0.0.1:80\n10.0.0.2:80 cluster=hz\n")
    shell(command + " 2> /dev/null", foreign)
    assert list(stub.hosts("order-svc")) == [("10.9.9.9", 80, "DEFAULT")]
    assert read(foreign + "/register") == "" and os.listdir(foreign + "/hosts") == ["10.9.9.9:80"]


def test_last_line_that_fails_at_close_is_told(service, register):
    shell('printf nonsense > "$0"', register)
    assert "EINVAL" in lines(service.rsplit("/", 2)[0] + "/.nacos/errors")[-1]


# --- ro -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    lambda service: write(service + "/register", "10.0.0.1:80\n"),
    lambda service: write(service + "/deregister", "10.9.9.9:80\n"),
    lambda service: write(service + "/hosts/10.9.9.9:80", "weight=2\n"),
    lambda service: os.close(os.open(service + "/hosts/10.0.0.1:80", os.O_WRONLY | os.O_CREAT)),
    lambda service: os.unlink(service + "/hosts/10.9.9.9:80"),
    lambda service: os.mkdir(os.path.dirname(service) + "/new-svc"),
    lambda service: os.rmdir(service),
], ids=["register", "deregister", "hosts", "create", "unlink", "mkdir", "rmdir"])
def test_read_only(mount, stub, call):
    stub.add("order-svc", "10.9.9.9", 80)
    mounted = mount(stub.address, "ro")
    assert lines(mounted / f"{SERVICE}/healthy") == ["10.9.9.9:80"]
    assert error_of(call, mounted / SERVICE) == "EROFS"
    assert not [r for r in stub.requests if r.method != "GET"]
