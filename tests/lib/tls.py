# SPDX-License-Identifier: MIT
"""Certificates, and TLS in front of a server that speaks plainly."""
import os
import socket
import ssl
import subprocess
import threading
import warnings


def openssl(*arguments, directory):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


class Authority:
    """A CA of its own in a directory."""

    def __init__(self, directory, name="ca"):
        self.directory = directory
        self.file = os.path.join(directory, f"{name}.pem")
        self.key = os.path.join(directory, f"{name}.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN=test {name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                "-keyout", self.key, "-out", self.file, directory=directory)

    def issue(self, name, alt="IP:127.0.0.1", days=2):
        """(certificate, key); days < 0: expired already."""
        key = os.path.join(self.directory, f"{name}.key")
        request = os.path.join(self.directory, f"{name}.csr")
        certificate = os.path.join(self.directory, f"{name}.crt")
        extensions = os.path.join(self.directory, f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={alt}\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-keyout", key, "-out", request, directory=self.directory)
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key,
                "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", certificate,
                directory=self.directory)
        return certificate, key


class Front:
    """https in front of HOST:PORT; `demand`: a CA file whose clients alone are let in."""

    def __init__(self, backend, certificate, key, demand=None, version=None):
        self.backend = backend
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        if demand:
            self.context.load_verify_locations(demand)
            self.context.verify_mode = ssl.CERT_REQUIRED
        if version:
            with warnings.catch_warnings(action="ignore"):
                self.context.minimum_version = ssl.TLSVersion.TLSv1
                self.context.maximum_version = version
            self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}/nacos"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client):
        try:
            with self.context.wrap_socket(client, server_side=True) as inside, \
                    socket.create_connection(self.backend) as outside:
                back = threading.Thread(target=self.pump, args=(outside, inside), daemon=True)
                back.start()
                self.pump(inside, outside)
                back.join(10)
        except OSError:
            client.close()

    @staticmethod
    def pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()
