"""The payload comes on standard input, the attributes of the event (CloudEvents) as CE_* variables."""

import os
import sys

from wit_world import exports


class Run(exports.Run):
    def run(self) -> None:
        subject = os.environ.get("CE_SUBJECT", "unknown")
        try:
            celsius = float(sys.stdin.read())
        except ValueError as error:
            sys.exit(f"the payload is not a number: {error}")
        print(f"{subject}: {celsius:.1f} °C")
