# SPDX-License-Identifier: MIT
"""Prints "PASSED FAILED" of a report: meson's testlog.json or pytest's junit XML.

A TAP program counts with each of its tests; one that crashed counts as a failure more.
"""
import json
import re
import sys
import xml.etree.ElementTree


def of_meson(path):
    passed = failed = 0
    with open(path, encoding="utf-8") as log:
        for line in log:
            record = json.loads(line)
            if record["result"] == "SKIP":
                continue
            tap = record.get("stdout") or ""
            ok = len(re.findall(r"^ok \d+(?!.*# SKIP)", tap, re.M))
            bad = len(re.findall(r"^not ok \d+(?!.*# TODO)", tap, re.M))
            if record["result"] in ("OK", "EXPECTEDFAIL"):
                passed += ok or 1
            else:
                passed += ok
                failed += bad or 1
    return passed, failed


def of_pytest(path):
    passed = failed = 0
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" not in kinds:
            passed += 1
    return passed, failed


def main(path):
    try:
        report = of_pytest(path) if path.endswith(".xml") else of_meson(path)
    except (OSError, ValueError, KeyError, xml.etree.ElementTree.ParseError) as error:
        print(f"no report: {error}", file=sys.stderr)
        report = 0, 0
    print(*report)


if __name__ == "__main__":
    main(sys.argv[1])
