# SPDX-License-Identifier: MIT
"""`latency.py FILE SECONDS`: opens, reads and closes a file a hundred times a second; prints how many
milliseconds each took, sorted."""
import json
import os
import sys
import time


def main():
    path, seconds = sys.argv[1:]
    found, end = [], time.monotonic() + float(seconds)
    while time.monotonic() < end:
        start = time.monotonic()
        fd = os.open(path, os.O_RDONLY)
        assert os.read(fd, 65536)
        os.close(fd)
        found.append((time.monotonic() - start) * 1000)
        time.sleep(0.01)
    print(json.dumps(sorted(found)))


if __name__ == "__main__":
    main()
