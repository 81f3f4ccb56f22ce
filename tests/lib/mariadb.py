# SPDX-License-Identifier: MIT
"""A MariaDB server of a test's own: its data, its socket, its port."""
import os
import shutil
import socket
import subprocess

from lib.wait import wait_until

SERVER = shutil.which("mariadbd", path="/usr/sbin:/usr/bin")
INSTALLER = shutil.which("mariadb-install-db")
CLIENT = shutil.which("mariadb")


def missing():
    """Which of its programs is not there; "" if all are."""
    programs = {"mariadbd": SERVER, "mariadb-install-db": INSTALLER, "mariadb": CLIENT}
    return ", ".join(name for name, path in programs.items() if path is None)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class MariaDB:
    def __init__(self, directory):
        self.directory = str(directory)
        self.data = os.path.join(self.directory, "data")
        self.socket = os.path.join(self.directory, "sock")
        self.log_path = os.path.join(self.directory, "mariadb.log")
        self.port = free_port()
        self.process = None

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        with open(self.log_path, "ab") as log:
            subprocess.run([INSTALLER, "--no-defaults", f"--datadir={self.data}", "--skip-test-db",
                            "--auth-root-authentication-method=normal", "--user=root"],
                           check=True, stdout=log, stderr=log, timeout=60)
            self.process = subprocess.Popen(
                [SERVER, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
                 f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve", "--user=root",
                 f"--pid-file={self.directory}/pid", "--innodb-buffer-pool-size=8M"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: self.run("select 1") == 0, 60, "MariaDB answers", interval=0.1)
        return self

    def run(self, sql):
        """Exit status of a client that runs it as root."""
        return subprocess.run([CLIENT, "--no-defaults", f"--socket={self.socket}", "-uroot", "-e", sql],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def destroy(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
