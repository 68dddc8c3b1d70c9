#!/usr/bin/env python3
"""prong between programs that its project did not write: etcd, a grpcio server, curl, openssl.

  peers.py --programs FOLDER [SECTION...]

FOLDER holds prongd and prong-example-server; sections are etcd, library, tls, tokens (default: all).
Every server listens on the loopback only and is ended by the test. The last line is
'N passed, N failed'; the exit code is 0 if nothing failed.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import etcd  # noqa: E402
import library  # noqa: E402
import tls  # noqa: E402
import tokens  # noqa: E402
from support import Claims  # noqa: E402

SECTIONS = {"etcd": etcd, "library": library, "tls": tls, "tokens": tokens}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []])
    given = parser.parse_args()
    programs = os.path.abspath(given.programs)
    claims = Claims()
    for name in given.sections or SECTIONS:
        claims.section(name, lambda name=name: SECTIONS[name].claims(claims.check, programs))
    return claims.close()


if __name__ == "__main__":
    sys.exit(main())
