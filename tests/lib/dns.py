# SPDX-License-Identifier: MIT
"""A DNS server (RFC 1035) for one network, and mounts that ask it: they have an /etc/resolv.conf of their
own, for which they live in a mount namespace, and are reached through /proc."""
import os
import signal
import socket
import struct
import threading

from lib.mounts import Mount

A = 1  # the type of record


class Dns:
    """Knows `names`, and nothing of others; says nothing at all while it is `silent`."""

    def __init__(self, address="127.0.0.1"):
        self.names = {}  # name -> IPv4 address
        self.silent = False
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # ends serve(), though nothing was connected
        except OSError:
            pass
        self.socket.close()

    def serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            if not query:
                return
            self.asked += 1
            if not self.silent:
                self.socket.sendto(self.answer(query), peer)

    def answer(self, query):
        name, at = [], 12
        while query[at]:
            name.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        question = query[12:at + 5]
        kind, = struct.unpack("!H", query[at + 1:at + 3])
        address = self.names.get(".".join(name))
        record = b""
        if address and kind == A:  # a pointer to the question's name, class IN, 0 s to live
            record = struct.pack("!HHHIH", 0xC00C, A, 1, 0, 4) + socket.inet_aton(address)
        flags = 0x8180 if address else 0x8183
        return query[:2] + struct.pack("!HHHHH", flags, 1, bool(record), 0, 0) + question + record


class ResolvingMount(Mount):
    def __init__(self, build, source, path, options, log, nameserver="127.0.0.1"):
        conf = str(path) + ".resolv"
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"nameserver {nameserver}\noptions timeout:15 attempts:2\n")
        enter = 'mount --bind "$0" /etc/resolv.conf; exec "$@"'
        super().__init__(build, source, path, options, log,
                         prefix=["unshare", "--mount", "sh", "-ec", enter, conf])

    def seen(self):
        """The mount point as it is reached from here."""
        return f"/proc/{self.process.pid}/root{self.path}"

    def __truediv__(self, name):
        return os.path.join(self.seen(), name)

    def mounted(self):
        try:
            with open(f"/proc/{self.process.pid}/mountinfo", encoding="utf-8") as file:
                return f" {self.path} " in file.read()
        except OSError:
            return False

    def answers(self):
        return self.mounted() and os.path.isdir(self / ".nacos")

    def unmount(self):
        self.process.send_signal(signal.SIGTERM)
