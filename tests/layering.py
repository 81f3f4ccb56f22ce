#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads every #include of the sources against the layers.

mountopts -> libfuse's fuse_opt; naming -> curl, json-c, zlib; naming/registry -> libmicrohttpd,
libmariadb, SQLite, json-c, zlib, libcrypt, nothing of the client; fs -> mountopts/mountopts.h and
naming/naming.h. GLib, C, POSIX and Linux headers are for all. Prints each breach, exits 1 if any.
"""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# headers of C, POSIX, Linux: without directory, or below one of these
PLAIN = re.compile(r"(sys|linux|net|netinet|arpa|asm|bits)/[\w/.-]+\.h|\w+\.h")
GLIB = re.compile(r"glib(/g[\w-]+)?\.h|glib-unix\.h|gio/[\w-]+\.h")
# header of another project -> its name
LIBRARIES = [
    (re.compile(r"fuse_opt\.h|fuse3/fuse_opt\.h"), "fuse_opt"),
    (re.compile(r"(fuse3/)?fuse\w*\.h|linux/fuse\.h"), "fuse"),
    (re.compile(r"curl/.*"), "curl"),
    (re.compile(r"json-c/.*|json\.h|json_\w+\.h"), "json-c"),
    (re.compile(r"zlib\.h"), "zlib"),
    (re.compile(r"microhttpd\.h"), "microhttpd"),
    (re.compile(r"(mysql|mariadb)/.*|mysql\w*\.h"), "mariadb"),
    (re.compile(r"sqlite3\.h"), "sqlite"),
    (re.compile(r"crypt\.h"), "crypt"),
]

# layer -> libraries it may use, and own headers (by path from the top) it may include
LAYERS = {
    "mountopts": ({"fuse_opt"}, re.compile(r"mountopts/[\w-]+\.h")),
    "naming/registry": (
        {"microhttpd", "mariadb", "sqlite", "json-c", "zlib", "crypt"},
        re.compile(r"naming/registry/[\w-]+\.h"),
    ),
    "naming": ({"curl", "json-c", "zlib"}, re.compile(r"naming/[\w-]+\.h")),
    "fs": (
        {"fuse", "fuse_opt"},
        re.compile(r"fs/[\w-]+\.h|mountopts/mountopts\.h|naming/naming\.h"),
    ),
}

# the few files that may know a library at all
ONLY = {
    "curl": re.compile(r"naming/http(_easy)?\.[ch]"),
    "json-c": re.compile(r"naming/codec\w*\.[ch]|naming/registry/.*"),
    "mariadb": re.compile(r"naming/registry/probe_mysql\.c"),
    "sqlite": re.compile(r"naming/registry/persist_db\.c"),
    "fuse": re.compile(r"fs/(ops\w*|parked|session\w*|mounting|main)\.[ch]"),
}


def sources(layer):
    directory = os.path.join(TOP, layer)
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        if name.endswith((".c", ".h")):
            yield os.path.join(layer, name)


def library_of(header):
    for pattern, library in LIBRARIES:
        if pattern.fullmatch(header):
            return library
    return None


def own_header(path, header):
    """An own header's path from the top; a bare name means the same directory."""
    if "/" in header and not header.startswith("."):
        return header
    return os.path.normpath(os.path.join(os.path.dirname(path), header))


def breach(layer, path, kind, header):
    libraries, own = LAYERS[layer]
    if kind == '"':
        target = own_header(path, header)
        return None if own.fullmatch(target) else f"{layer} must not include {target}"
    library = library_of(header)
    if library is None:
        known = GLIB.fullmatch(header) or PLAIN.fullmatch(header)
        return None if known else f"{header} belongs to no library that {layer} may use"
    if library not in libraries:
        return f"{layer} must not use {library}"
    if library in ONLY and not ONLY[library].fullmatch(path):
        return f"{library} is used in {ONLY[library].pattern} only"
    return None


def breaches(top_layers=LAYERS):
    for layer in top_layers:
        for path in sources(layer):
            with open(os.path.join(TOP, path), encoding="utf-8") as text:
                for number, line in enumerate(text, 1):
                    match = INCLUDE.match(line)
                    reason = match and breach(layer, path, *match.groups())
                    if reason:
                        yield f"{path}:{number}: {reason}"


def main():
    found = list(breaches())
    print("\n".join(found) if found else "every #include keeps to the layers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
