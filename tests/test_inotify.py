# SPDX-License-Identifier: MIT
"""Every InstancesChangeEvent becomes inotify events, after the content is readable; nothing else does."""
import itertools
import os
import random
import shutil
import subprocess
import threading
import time

import pytest
from lib.inotify import Watch
from lib.mounts import lines, read, write
from lib.wait import stays, wait_until
from stub_server import Delay

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
LATE = 1.0  # seconds from the server's answer to the event, at most; 0.1 is what one expects


@pytest.fixture
def followed(mounted, registry):
    """A mount of a registry with one instance, whose service has been read: path of the service."""
    registry.register("order-svc", "10.0.0.1", 80)
    assert lines(mounted / f"{SERVICE}/healthy") == ["10.0.0.1:80"]
    os.listdir(mounted / f"{SERVICE}/hosts")
    return mounted / SERVICE


@pytest.fixture
def pushed(mount, stub):
    """A mount of the scripted server with one instance, whose service has been read: its path."""
    stub.add("order-svc", "10.0.0.1", 80)
    mounted = mount(stub.address)
    assert lines(mounted / f"{SERVICE}/healthy") == ["10.0.0.1:80"]
    os.listdir(mounted / f"{SERVICE}/hosts")
    stub.wait_for("GET", "/instance/list", udpPort=mounted_port(stub))
    return mounted / SERVICE


def mounted_port(stub):
    """The UDP port that the mount subscribed with."""
    found = wait_until(lambda: [r.params["udpPort"] for r in stub.seen("GET", "/instance/list")
                                if int(r.params.get("udpPort") or 0)], 5)
    return found[-1]


# --- which events -------------------------------------------------------------------------------------------


def test_new_instance_is_created_in_hosts(followed, registry):
    with Watch(followed + "/hosts") as watch:
        registry.register("order-svc", "10.0.0.2", 80)
        watch.wait_for("CREATE", "10.0.0.2:80")


def test_gone_instance_is_deleted_in_hosts(followed, registry):
    with Watch(followed + "/hosts") as watch:
        registry.deregister("order-svc", "10.0.0.1", 80)
        watch.wait_for("DELETE", "10.0.0.1:80")


def test_changed_instance_is_modified_in_hosts(followed, registry):
    with Watch(followed + "/hosts") as watch:
        registry.register("order-svc", "10.0.0.1", 80, weight=5)
        watch.wait_for("MODIFY", "10.0.0.1:80")
        assert not watch.seen("CREATE") and not watch.seen("DELETE")


def test_exactly_the_instances_that_came_went_and_changed(pushed, stub):
    for number in range(2, 6):
        stub.add("order-svc", f"10.0.0.{number}", 80)
    stub.push("order-svc")
    wait_until(lambda: len(os.listdir(pushed + "/hosts")) == 5, 5)
    with Watch(pushed + "/hosts") as watch:
        with stub.lock:
            stub.remove("order-svc", "10.0.0.2", 80)
            stub.add("order-svc", "10.0.0.3", 80, weight=9)
            stub.add("order-svc", "10.0.0.6", 80)
        stub.push("order-svc")
        watch.wait_for("CREATE", "10.0.0.6:80")
        watch.wait_for("DELETE", "10.0.0.2:80")
        watch.wait_for("MODIFY", "10.0.0.3:80")
        stays(lambda: {e.name for e in watch.events} == {"10.0.0.2:80", "10.0.0.3:80", "10.0.0.6:80"}, 0.5)
        assert (len(watch.seen("CREATE")), len(watch.seen("DELETE"))) == (1, 1)


@pytest.mark.parametrize("name", ["instances", "instances.json", "healthy"])
def test_watch_on_a_file(followed, registry, name):
    with Watch(followed + "/" + name, mask="OPEN|MODIFY|CLOSE_WRITE") as watch:
        registry.register("order-svc", "10.0.0.2", 80)
        watch.wait_for("MODIFY")
        watch.wait_for("CLOSE_WRITE")
        assert watch.seen("OPEN")


@pytest.mark.parametrize("name", ["instances", "instances.json", "healthy"])
def test_watch_on_the_directory_of_a_file(followed, registry, name):
    with Watch(followed) as watch:
        registry.register("order-svc", "10.0.0.2", 80)
        watch.wait_for("MODIFY", name)
        watch.wait_for("CLOSE_WRITE", name)


def test_file_whose_bytes_stay_has_no_event(followed, registry):
    with Watch(followed) as watch:
        registry.register("order-svc", "10.0.0.1", 80, metadata={"a": "b"})
        watch.wait_for("CLOSE_WRITE", "instances")
        watch.wait_for("CLOSE_WRITE", "instances.json")
        stays(lambda: not watch.seen(name="healthy"), 0.5)


def test_register_and_deregister_have_no_events_from_changes(followed, registry):
    with Watch(followed) as watch:
        registry.register("order-svc", "10.0.0.2", 80)
        watch.wait_for("CLOSE_WRITE", "instances")
        stays(lambda: not watch.seen(name="register") and not watch.seen(name="deregister"), 0.3)


def test_health_change(pushed, stub):
    with Watch(pushed) as watch:
        stub.add("order-svc", "10.0.0.1", 80, healthy=False)
        stub.push("order-svc")
        watch.wait_for("CLOSE_WRITE", "healthy")
        assert read(pushed + "/healthy") == ""


def test_watch_survives_every_change(followed, registry):
    with Watch(followed + "/instances", mask="MODIFY|DELETE_SELF|IGNORED") as watch:
        for number in range(2, 12):
            registry.register("order-svc", f"10.0.0.{number}", 80)
        wait_until(lambda: len(lines(followed + "/instances")) == 11, 5)
        assert not watch.seen("DELETE_SELF") and not watch.seen("IGNORED")


def test_unmount_tells_the_watchers(mounted, registry):
    registry.register("order-svc", "10.0.0.1", 80)
    with Watch(mounted / SERVICE, mask="UNMOUNT|IGNORED|MODIFY") as watch:
        mounted.stop()
        watch.wait_for("UNMOUNT")
        watch.wait_for("IGNORED")


@pytest.mark.skipif(not shutil.which("inotifywait"), reason="no inotifywait here")
def test_inotifywait(followed, registry):
    process = subprocess.Popen(["inotifywait", "-q", "-m", "--format", "%e %f", followed + "/hosts"],
                               stdout=subprocess.PIPE, text=True)
    try:
        # it says nothing when it is ready, so its descriptors are asked
        wait_until(lambda: any("inotify wd:" in read(f"/proc/{process.pid}/fdinfo/{fd}")
                               for fd in os.listdir(f"/proc/{process.pid}/fdinfo")), 5)
        registry.register("order-svc", "10.0.0.2", 80)
        assert process.stdout.readline() == "CREATE 10.0.0.2:80\n"
    finally:
        process.terminate()
        process.wait()


# --- how soon, and what is readable then ------------------------------------------------------------------


@pytest.mark.parametrize("where,kind,name", [
    ("", "MODIFY", "instances"), ("/instances", "MODIFY", ""), ("/hosts", "CREATE", "10.0.0.2:80")])
def test_event_comes_soon_after_the_servers_answer(followed, registry, where, kind, name):
    with Watch(followed + where) as watch:
        registry.register("order-svc", "10.0.0.2", 80)
        answered = time.monotonic()
        event = watch.wait_for(kind, name)
        assert event.time - answered < LATE


def test_new_content_is_readable_at_the_event(followed, registry):
    """Reads at each MODIFY of instances; the last read must be the last content."""
    found = []

    def at(event):
        if "MODIFY" in event.names and not event.name:
            found.append(read(followed + "/instances"))

    with Watch(followed + "/instances", mask="MODIFY", on_event=at):
        for number in range(2, 30):
            registry.register("order-svc", f"10.0.0.{number}", 80)
        wait_until(lambda: found and len(found[-1].splitlines()) == 29, 20)
        assert all(found[i] != found[i + 1] for i in range(len(found) - 1))


def test_created_name_can_be_read_at_the_event(followed, registry):
    errors = []

    def at(event):
        if "CREATE" in event.names:
            try:
                assert read(f"{followed}/hosts/{event.name}").startswith("weight=1 ")
                assert event.name in os.listdir(followed + "/hosts")
            except (OSError, AssertionError) as error:
                errors.append(f"{event.name}: {error!r}")

    with Watch(followed + "/hosts", on_event=at) as watch:
        for number in range(2, 30):
            registry.register("order-svc", f"10.0.0.{number}", 80)
        wait_until(lambda: len(watch.seen("CREATE")) == 28, 20)
    assert not errors


def test_deleted_name_is_gone_at_the_event(followed, registry):
    for number in range(2, 20):
        registry.register("order-svc", f"10.0.0.{number}", 80)
    wait_until(lambda: len(os.listdir(followed + "/hosts")) == 19, 5)
    still = []

    def at(event):
        if "DELETE" in event.names and (os.path.exists(f"{followed}/hosts/{event.name}")
                                        or event.name in os.listdir(followed + "/hosts")):
            still.append(event.name)

    with Watch(followed + "/hosts", on_event=at) as watch:
        for number in range(2, 20):
            registry.deregister("order-svc", f"10.0.0.{number}", 80)
        wait_until(lambda: len(watch.seen("DELETE")) == 18, 20)
    assert not still


def test_name_is_not_visible_before_its_event(pushed, stub, place):
    """Events of one descriptor come in order, so that a file of ours tells when those before it are read."""
    seen_early = []
    done = threading.Event()
    hosts, marks = pushed + "/hosts", os.path.join(place, "marks")
    os.mkdir(marks)
    with Watch(hosts, marks) as watch:

        def look():
            for number in itertools.takewhile(lambda _: not done.is_set(), itertools.count()):
                names = set(os.listdir(hosts))
                time.sleep(0.05)  # the event is raised by the very call that makes the name visible
                os.mkdir(f"{marks}/{number}")
                watch.wait_for("CREATE", str(number), path=marks, timeout=20)
                created = {e.name for e in watch.seen("CREATE", path=hosts)}
                seen_early.extend(names - created - {"10.0.0.1:80"})

        thread = threading.Thread(target=look)
        thread.start()
        for number in range(2, 40):
            stub.add("order-svc", f"10.0.0.{number}", 80)
            stub.push("order-svc")
            time.sleep(0.01)
        wait_until(lambda: len(watch.seen("CREATE", path=hosts)) == 38, 20)
        done.set()
        thread.join()
    assert not seen_early


@pytest.mark.heavy
def test_last_state_of_a_burst_is_announced(pushed, stub):
    """A model built of CREATE and DELETE equals the listing after 300 random changes."""
    with Watch(pushed + "/hosts") as watch:
        rng = random.Random(7)
        present = {1}
        for _ in range(300):
            number = rng.randint(1, 40)
            if number in present:
                stub.remove("order-svc", f"10.0.0.{number}", 80)
                present.discard(number)
            else:
                stub.add("order-svc", f"10.0.0.{number}", 80)
                present.add(number)
            if rng.random() < 0.5:
                stub.push("order-svc")
        stub.push("order-svc")
        wanted = {f"10.0.0.{number}:80" for number in present}

        def model():
            names = {"10.0.0.1:80"}
            for event in list(watch.events):
                if "CREATE" in event.names:
                    names.add(event.name)
                if "DELETE" in event.names:
                    names.discard(event.name)
            return names

        wait_until(lambda: set(os.listdir(pushed + "/hosts")) == wanted, 15)
        wait_until(lambda: model() == wanted, 5)


@pytest.mark.heavy
def test_last_content_of_a_burst_is_announced(pushed, stub):
    last = []

    def at(event):
        last[:] = [read(pushed + "/instances")]

    with Watch(pushed + "/instances", mask="CLOSE_WRITE", on_event=at):
        for number in range(200):
            stub.add("order-svc", "10.0.0.1", 80, metadata={"version": str(number)})
            stub.push("order-svc")
        wait_until(lambda: last and "meta.version=199" in last[0], 10)


def test_many_changes_of_one_file_are_merged(pushed, stub):
    with Watch(pushed + "/instances", mask="CLOSE_WRITE") as watch:
        start = time.monotonic()
        number = 0
        while time.monotonic() - start < 2:
            number += 1
            stub.add("order-svc", "10.0.0.1", 80, metadata={"version": str(number)})
            stub.push("order-svc")
            time.sleep(0.005)
        wait_until(lambda: f"meta.version={number}\n" in read(pushed + "/instances"), 5)
        assert 1 <= len(watch.events) <= 60  # at most ten a second, and some for noise


# --- no event without a change ----------------------------------------------------------------------------


def quiet(watch, seconds=1.0):
    stays(lambda: not watch.events, seconds, f"events {watch.told()}")


def test_heartbeats_raise_nothing(followed, registry):
    with Watch(followed, followed + "/hosts") as watch:
        for _ in range(20):
            registry.beat("order-svc", "10.0.0.1", 80)
        quiet(watch)


def test_registering_the_same_again_raises_nothing(followed, registry):
    with Watch(followed, followed + "/hosts") as watch:
        for _ in range(5):
            registry.register("order-svc", "10.0.0.1", 80)
        quiet(watch)


@pytest.mark.heavy
def test_polls_raise_nothing(mount, stub):
    stub.cache_millis = 500
    stub.add("order-svc", "10.0.0.1", 80)
    mounted = mount(stub.address)
    read(mounted / f"{SERVICE}/instances")
    with Watch(mounted / SERVICE, mounted / f"{SERVICE}/hosts") as watch:
        seen = stub.count("GET", "/instance/list")
        wait_until(lambda: stub.count("GET", "/instance/list") > seen + 2, 10)
        quiet(watch, 0.3)


def test_pushes_of_the_same_list_raise_nothing(pushed, stub):
    with Watch(pushed, pushed + "/hosts") as watch:
        for _ in range(5):
            stub.push("order-svc")
        quiet(watch)


def test_other_order_of_the_same_list_raises_nothing(pushed, stub):
    stub.add("order-svc", "10.0.0.2", 80, metadata={"a": "1", "b": "2"})
    stub.push("order-svc")
    wait_until(lambda: len(lines(pushed + "/instances")) == 2, 5)
    time.sleep(0.3)  # its announcements
    body = stub.list_body(("public", GROUP, "order-svc"))
    for record in body["hosts"]:
        record["metadata"] = dict(reversed(record["metadata"].items()))
    body["hosts"].reverse()
    with Watch(pushed, pushed + "/hosts") as watch:
        stub.push("order-svc", body=body)
        quiet(watch)


def test_change_of_one_service_raises_nothing_in_another(pushed, stub):
    stub.add("other-svc", "10.0.1.1", 80)
    top = os.path.dirname(pushed)
    wait_until(lambda: os.path.exists(top + "/other-svc"), 3)
    read(top + "/other-svc/instances")
    with Watch(pushed, pushed + "/hosts") as watch:
        stub.add("other-svc", "10.0.1.2", 80)
        stub.push("other-svc")
        wait_until(lambda: len(lines(top + "/other-svc/instances")) == 2, 5)
        quiet(watch, 0.5)


def test_first_list_raises_nothing(mounted, registry):
    registry.register("order-svc", "10.0.0.1", 80)
    os.stat(mounted / SERVICE)
    with Watch(mounted / SERVICE, mask="CREATE|DELETE|MODIFY|CLOSE_WRITE") as watch:
        os.listdir(mounted / f"{SERVICE}/hosts")
        read(mounted / f"{SERVICE}/instances")
        quiet(watch, 0.5)


def test_reading_raises_no_write_events(followed):
    with Watch(followed, followed + "/hosts") as watch:
        for name in ("instances", "instances.json", "healthy", "pick", "hosts/10.0.0.1:80"):
            read(f"{followed}/{name}")
        quiet(watch, 0.5)


# --- who watches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where,kind,name", [
    ("", "MODIFY", "instances"), ("/instances", "MODIFY", ""), ("/healthy", "MODIFY", ""),
    ("/hosts", "CREATE", "10.0.0.2:80")])
def test_watched_service_that_nobody_reads(mounted, registry, where, kind, name):
    registry.register("order-svc", "10.0.0.1", 80)
    with Watch(mounted / SERVICE + where) as watch:
        # the mount finds out after about a second that the look-up has left a watch behind
        wait_until(lambda: registry_knows_subscriber(registry, mounted), 5)
        registry.register("order-svc", "10.0.0.2", 80)
        watch.wait_for(kind, name)


def registry_knows_subscriber(registry, mounted):
    """The mount keeps the service fresh: .nacos/status counts it."""
    text = read(mounted / ".nacos/status")
    return any(f"{word}=1" in text for word in ("subscribed", "subscriptions", "services"))


def test_change_through_this_mount_is_announced_to_others(followed):
    with Watch(followed + "/hosts", followed) as watch:
        write(followed + "/register", "10.0.0.2:80\n")
        watch.wait_for("CREATE", "10.0.0.2:80")
        watch.wait_for("CLOSE_WRITE", "instances")


def test_rm_raises_one_delete(followed):
    write(followed + "/register", "10.0.0.2:80\n")
    wait_until(lambda: "10.0.0.2:80" in os.listdir(followed + "/hosts"), 5)
    with Watch(followed + "/hosts") as watch:
        os.unlink(followed + "/hosts/10.0.0.2:80")
        watch.wait_for("DELETE", "10.0.0.2:80")
        stays(lambda: len(watch.seen("DELETE")) == 1, 0.5)


def test_file_made_in_hosts_raises_one_create(followed):
    with Watch(followed + "/hosts") as watch:
        subprocess.run(["sh", "-c", "echo weight=2 > \"$0\"", followed + "/hosts/10.0.0.2:80"], check=True)
        watch.wait_for("CREATE", "10.0.0.2:80")
        stays(lambda: len(watch.seen("CREATE")) == 1 and not watch.seen("DELETE"), 0.5)


def test_watch_through_a_bind_mount(followed, registry, place):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    other = os.path.join(place, "bind")
    os.mkdir(other)
    subprocess.run(["mount", "--bind", followed, other], check=True)
    try:
        with Watch(other + "/hosts") as watch:
            registry.register("order-svc", "10.0.0.2", 80)
            watch.wait_for("CREATE", "10.0.0.2:80")
    finally:
        subprocess.run(["umount", other], check=True)


# --- services and groups ----------------------------------------------------------------------------------


def test_new_service_in_a_watched_group(followed, registry):
    with Watch(os.path.dirname(followed)) as watch:
        registry.register("new-svc", "10.0.0.1", 80)
        event = watch.wait_for("CREATE", "new-svc", timeout=13)
        assert event.is_dir
        assert lines(os.path.dirname(followed) + "/new-svc/healthy") == ["10.0.0.1:80"]


@pytest.mark.heavy
def test_gone_service_in_a_watched_group(mount, stub):
    stub.add_service("order-svc")
    stub.add_service("short-lived")
    mounted = mount(stub.address)
    assert sorted(os.listdir(mounted / GROUP)) == ["order-svc", "short-lived"]
    with Watch(mounted / GROUP) as watch:
        stub.remove_service("short-lived")
        event = watch.wait_for("DELETE", "short-lived", timeout=13)
        assert event.is_dir and not watch.seen(name="order-svc")


def test_new_group_in_a_watched_root(mount, stub):
    """Up to five seconds until the watch is found in /proc, one process an idle turn of the loop, and five more until
    the groups are asked for again."""
    mounted = mount(stub.address)
    os.listdir(mounted.path)
    with Watch(mounted.path) as watch:
        stub.add("pay-svc", "10.0.0.1", 80, group="PAY")
        assert watch.wait_for("CREATE", "PAY", timeout=40).is_dir


def test_mkdir_raises_one_create(stubbed):
    os.listdir(stubbed / GROUP)
    with Watch(stubbed / GROUP) as watch:
        os.mkdir(stubbed / SERVICE)
        watch.wait_for("CREATE", "order-svc")
        stays(lambda: len(watch.seen("CREATE")) == 1, 0.5)


@pytest.mark.deadline(120)
@pytest.mark.heavy
def test_watched_service_that_was_emptied_and_forgotten(mount, registries):
    """The watch on an empty service outlives the server's forgetting it."""
    registry = registries("--empty-service-expire", "5")
    registry.register("order-svc", "10.0.0.1", 80)
    mounted = mount(registry.address)
    assert lines(mounted / f"{SERVICE}/healthy") == ["10.0.0.1:80"]
    mask = "CREATE|DELETE|MODIFY|DELETE_SELF|IGNORED"
    with Watch(mounted / SERVICE, mounted / f"{SERVICE}/hosts", mask=mask) as watch:
        inode = os.stat(mounted / SERVICE).st_ino
        registry.deregister("order-svc", "10.0.0.1", 80)
        watch.wait_for("DELETE", "10.0.0.1:80")
        wait_until(lambda: "order-svc" not in registry.call(
            "GET", "/v1/ns/service/list", pageNo=1, pageSize=10), 60, interval=0.5)
        time.sleep(7)  # more than one listing of the group
        registry.register("order-svc", "10.0.0.2", 80)
        watch.wait_for("CREATE", "10.0.0.2:80", timeout=12)
        watch.wait_for("MODIFY", "instances")
        assert not watch.seen("IGNORED") and not watch.seen("DELETE_SELF")
        assert os.stat(mounted / SERVICE).st_ino == inode


# --- interest ---------------------------------------------------------------------------------------------


def polls(stub):
    return stub.count("GET", "/instance/list")


def stops_polling(stub, within):
    """TRUE once no list request came for three poll periods (1.5 s)."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        seen = polls(stub)
        time.sleep(1.5)
        if polls(stub) == seen:
            return True
    return False


@pytest.fixture
def hasty(mount, stub):
    """A mount whose interest ends soon, of a server that wants polls soon: path of a service."""
    stub.cache_millis = 400
    stub.add("order-svc", "10.0.0.1", 80)
    return mount(stub.address, "idle_timeout=1") / SERVICE


@pytest.mark.heavy
def test_polls_end_when_nobody_cares(hasty, stub):
    read(hasty + "/instances")
    assert stops_polling(stub, 15)


@pytest.mark.heavy
def test_polls_go_on_for_an_open_descriptor(hasty, stub):
    with open(hasty + "/instances", encoding="ascii"):
        assert not stops_polling(stub, 8)


@pytest.mark.heavy
@pytest.mark.parametrize("where", ["", "/instances", "/hosts"])
def test_polls_go_on_for_a_watch(hasty, stub, where):
    with Watch(hasty + where):
        assert not stops_polling(stub, 8)


@pytest.mark.heavy
def test_polls_end_with_the_watch(hasty, stub):
    with Watch(hasty + "/instances"):
        wait_until(lambda: polls(stub) > 3, 10)
    assert stops_polling(stub, 20)


@pytest.mark.heavy
def test_looking_is_no_interest(hasty, stub):
    for _ in range(3):
        subprocess.run(["ls", "-lR", os.path.dirname(hasty)], stdout=subprocess.DEVNULL, check=True)
    time.sleep(3)
    seen = polls(stub)
    stays(lambda: polls(stub) == seen, 3)


@pytest.mark.heavy
def test_working_directory_survives_the_end_of_interest(hasty, stub):
    # Not by Popen's cwd: until the child's exec the server, which runs in this process, would stand still.
    script = 'cd "$0"; cat instances; read go; pwd -P; cat instances'
    shell = subprocess.Popen(["sh", "-c", script, hasty], text=True, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    time.sleep(4)
    output, _ = shell.communicate("go\n", timeout=10)
    first, where, second = output.splitlines()
    assert (where, first) == (hasty, second)


# --- one thing must not delay another ---------------------------------------------------------------------


def test_stuck_write_in_one_service_delays_no_event_of_another(pushed, stub):
    top = os.path.dirname(pushed)
    os.mkdir(top + "/slow-svc")
    stub.on("POST", "/instance", Delay(2))
    writer = subprocess.Popen(["sh", "-c", 'echo 10.0.0.1:80 > "$0"', top + "/slow-svc/register"])
    stub.wait_for("POST", "/instance")
    with Watch(pushed + "/hosts") as watch:
        stub.add("order-svc", "10.0.0.2", 80)
        stub.push("order-svc")
        start = time.monotonic()
        assert watch.wait_for("CREATE", "10.0.0.2:80").time - start < LATE
    assert writer.poll() is None
    assert writer.wait(10) == 0


def test_stuck_rm_in_a_directory_delays_no_event_of_another(pushed, stub):
    top = os.path.dirname(pushed)
    os.mkdir(top + "/slow-svc")
    write(top + "/slow-svc/register", "10.0.0.1:80\n")
    stub.on("DELETE", "/instance", Delay(2))
    remover = subprocess.Popen(["rm", top + "/slow-svc/hosts/10.0.0.1:80"])
    stub.wait_for("DELETE", "/instance")
    with Watch(pushed + "/hosts") as watch:
        stub.add("order-svc", "10.0.0.2", 80)
        stub.push("order-svc")
        start = time.monotonic()
        assert watch.wait_for("CREATE", "10.0.0.2:80").time - start < LATE
    assert remover.wait(10) == 0


def test_stuck_rm_delays_no_read_of_the_same_service(pushed, stub):
    write(pushed + "/register", "10.0.0.2:80\n")
    read(pushed + "/hosts/10.0.0.1:80")  # a name not looked up yet waits for the directory's lock
    stub.on("DELETE", "/instance", Delay(2))
    remover = subprocess.Popen(["rm", pushed + "/hosts/10.0.0.2:80"])
    stub.wait_for("DELETE", "/instance")
    start = time.monotonic()
    read(pushed + "/instances")
    read(pushed + "/hosts/10.0.0.1:80")
    assert time.monotonic() - start < 1.5
    assert remover.wait(10) == 0
