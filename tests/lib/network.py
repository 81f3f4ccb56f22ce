# SPDX-License-Identifier: MIT
"""Networks that a test owns: namespaces, links between them, and rules of nft in them. Sockets and
processes that are made inside `with network:` belong to it for ever; the mount table stays the same for all."""
import ctypes
import os
import shutil
import subprocess

import pytest

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def needed(*programs):
    """Marks tests that need networks of their own, and programs."""
    missing = [name for name in ("ip", *programs) if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]
    usable = os.geteuid() == 0 and not missing
    return pytest.mark.skipif(not usable, reason=f"needs root and {', '.join(missing) or 'nothing else'}")


def call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), function.__name__)


class Network:
    """Has its loopback up. Only the calling thread changes over."""

    def __init__(self):
        self.outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        call(LIBC.unshare, CLONE_NEWNET)
        self.inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        call(LIBC.setns, self.outside, CLONE_NEWNET)
        self.run("ip", "link", "set", "lo", "up")

    def __enter__(self):
        call(LIBC.setns, self.inside, CLONE_NEWNET)
        return self

    def __exit__(self, *_):
        call(LIBC.setns, self.outside, CLONE_NEWNET)

    def close(self):
        """It goes when the last process and socket in it do."""
        os.close(self.inside)
        os.close(self.outside)

    def run(self, *command, text=None):
        with self:
            subprocess.run(command, input=text, text=True, check=True, capture_output=True,
                           env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})

    def rules(self, *rules):
        self.run("nft", "-f", "-", text=f"""
            table inet fault {{
                chain arriving {{
                    type filter hook input priority 0;
                    {"; ".join(rules)}
                }}
            }}""")

    def blackhole(self, port):
        """Whatever goes to or comes from that TCP port is lost, established connections included."""
        self.rules(f"tcp dport {port} drop", f"tcp sport {port} drop")

    def refuse(self, port):
        """That TCP port answers with RST, established connections included."""
        self.rules(f"tcp dport {port} reject with tcp reset")

    def heal(self):
        self.run("nft", "flush", "ruleset")

    def bridge(self, address):
        """A switch that has the address itself."""
        self.run("ip", "link", "add", "switch", "type", "bridge")
        self.run("ip", "address", "add", address, "dev", "switch")
        self.run("ip", "link", "set", "switch", "up")

    def plug(self, other, name, address):
        """Connects another network, which gets the address, to the switch of this one."""
        self.run("ip", "link", "add", name, "type", "veth", "peer", "name", "cable",
                 "netns", f"/proc/{os.getpid()}/fd/{other.inside}")
        self.run("ip", "link", "set", name, "master", "switch", "up")
        other.run("ip", "address", "add", address, "dev", "cable")
        other.run("ip", "link", "set", "cable", "up")
