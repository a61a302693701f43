#!/usr/bin/env python3
"""From saving a file to the new version answering, with `tombolo dev`.

    bench/dev/measure.py [TOMBOLO [LANGUAGE...]]        default: target/release/tombolo, c rust

Cold is from starting `tombolo dev` in a new project to its first answer; warm is from a save to the answer of the new
version, over SAVES saves while one client asks all the time. Each stands beside what the language's own compiler took
of it, which `tombolo dev` prints. Prints a table and asserts nothing, but that no request failed.
"""

import http.client
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAVES = 20
SOURCES = {
    "c": "src/main.c",
    "cpp": "src/main.cpp",
    "go": "main.go",
    "js": "src/main.js",
    "python": "app.py",
    "rust": "src/main.rs",
    "ts": "src/main.ts",
    "zig": "src/main.zig",
}


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Session:
    """A `tombolo dev` in a new project."""

    def __init__(self, tombolo, language, home):
        subprocess.run([tombolo, "new", "greet", "--lang", language], cwd=home, check=True, capture_output=True)
        self.source = home / "greet" / SOURCES[language]
        self.log = home / "log"
        self.port = free_port()
        self.serves = False
        environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [tombolo, "dev", "--listen", f"127.0.0.1:{self.port}"],
                cwd=home / "greet",
                stdin=subprocess.DEVNULL,
                stderr=out,
                env=environment,
            )

    def answer(self):
        """The body of `/`; None while the first build is under way."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", "/")
            body = connection.getresponse().read().decode()
            self.serves = True
            return body
        except OSError:
            if self.serves:
                sys.exit("a request failed while a new version was on its way")
            return None
        finally:
            connection.close()

    def wait_for(self, text):
        """Asks until the answer starts with `text`; the seconds that took, and the compiler's part of them."""
        began = time.monotonic()
        while time.monotonic() - began < 900:
            if (self.answer() or "").startswith(text):
                return time.monotonic() - began, self.compiler_seconds()
            time.sleep(0.002)
        sys.exit(f"{text!r} was never answered:\n{self.log.read_text()}")

    def compiler_seconds(self):
        """What the last build says that its line took."""
        number, unit = re.findall(r"^built \S+ in ([0-9.]+) (ms|s)", self.log.read_text(), re.MULTILINE)[-1]
        return float(number) / (1000 if unit == "ms" else 1)

    def end(self):
        self.process.terminate()
        self.process.wait()


def measure(tombolo, language):
    with tempfile.TemporaryDirectory() as home:
        session = Session(tombolo, language, Path(home))
        try:
            cold, cold_compiler = session.wait_for("Hello, world!")
            text, warm = session.source.read_text(), []
            for save in range(SAVES):
                session.source.write_text(text.replace("Hello, ", f"Hello {save}, "))
                warm.append(session.wait_for(f"Hello {save}, world!"))
        finally:
            session.end()
    totals, compilers = [total for total, _ in warm], [compiler for _, compiler in warm]
    own = [total - compiler for total, compiler in warm]
    print(
        f"| {language} | {cold:.2f} s | {cold_compiler:.2f} s | {statistics.median(totals):.2f} s, {max(totals):.2f} s "
        f"| {statistics.median(compilers):.2f} s | {statistics.median(own):.2f} s, {max(own):.2f} s |",
        flush=True,
    )


def main():
    here = Path(__file__).resolve().parents[2]
    tombolo = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else str(here / "target/release/tombolo")
    print("| language | cold | of it the compiler | save to answer: median, worst | of it the compiler | the rest: median, worst |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for language in sys.argv[2:] or ["c", "rust"]:
        measure(tombolo, language)


main()
