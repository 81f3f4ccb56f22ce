# SPDX-License-Identifier: MIT
"""`flood.py SOURCE ADDRESS PORT RATE SECONDS FILE`: sends the bytes of FILE as so many datagrams a second,
many with one system call; prints how many went out."""
import ctypes
import socket
import sys
import time

BATCH = 64
LIBC = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.POINTER(Iovec)),
                ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("header", Msghdr), ("length", ctypes.c_uint)]


def main():
    source, address, port, rate, seconds, path = sys.argv[1:]
    with open(path, "rb") as file:
        data = file.read()
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.bind((source, 0))
    out.connect((address, int(port)))
    vector = Iovec(data, len(data))
    messages = (Mmsghdr * BATCH)()
    for message in messages:
        message.header.iov, message.header.iovlen = ctypes.pointer(vector), 1
    sent, began = 0, time.monotonic()
    while (passed := time.monotonic() - began) < float(seconds):
        if sent > passed * float(rate):
            time.sleep(0.0005)
            continue
        sent += max(LIBC.sendmmsg(out.fileno(), messages, BATCH, 0), 0)
    print(sent)


if __name__ == "__main__":
    main()
