#!/usr/bin/env python3
"""From saving a file to the new version answering, with `tombolo dev`.

    bench/dev/measure.py TOMBOLO [LANGUAGE...]        default: c rust

For each language: the first build, then SAVES saves; median and worst, with the compiler's own time apart.
"""

import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAVES = 10
PORT = 18099
SOURCES = {"c": "src/main.c", "rust": "src/main.rs", "cpp": "src/main.cpp", "go": "main.go", "zig": "src/main.zig"}


def answer():
    """The body of `/`, or None while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except OSError:
        return None
    finally:
        connection.close()


def wait_for(text):
    """Asks until the answer starts with `text`; the seconds that took."""
    began = time.monotonic()
    while time.monotonic() - began < 600:
        if (answer() or "").startswith(text):
            return time.monotonic() - began
        time.sleep(0.002)
    sys.exit(f"{text!r} was never answered")


def compiler_seconds(log):
    """What the last build says that its line took."""
    number, unit = re.findall(r"^built \S+ in ([0-9.]+) (ms|s)", log.read_text(), re.MULTILINE)[-1]
    return float(number) / (1000 if unit == "ms" else 1)


def measure(tombolo, language):
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        subprocess.run([tombolo, "new", "greet", "--lang", language], cwd=home, check=True, capture_output=True)
        project, log = home / "greet", home / "log"
        source = project / SOURCES[language]
        with log.open("w") as out:
            dev = subprocess.Popen(
                [tombolo, "dev", "--listen", f"127.0.0.1:{PORT}"], cwd=project, stdin=subprocess.DEVNULL, stderr=out
            )
        try:
            first = wait_for("Hello, world!")
            text, totals, own = source.read_text(), [], []
            for save in range(SAVES):
                source.write_text(text.replace("Hello, ", f"Hello {save}, "))
                total = wait_for(f"Hello {save}, world!")
                totals.append(total)
                own.append(total - compiler_seconds(log))
        finally:
            dev.terminate()
            dev.wait()
    print(
        f"{language:8} first {first:6.2f} s   save to answer: median {statistics.median(totals):5.2f} s, "
        f"worst {max(totals):5.2f} s   without the compiler: median {statistics.median(own):5.2f} s, worst {max(own):5.2f} s"
    )


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for language in sys.argv[2:] or ["c", "rust"]:
        measure(os.path.abspath(sys.argv[1]), language)


main()
