import sys

from wit_world import exports


class Run(exports.Run):
    def run(self) -> None:
        lines = sys.stdin.readlines()
        words = sum(len(line.split()) for line in lines)
        print(f"{len(lines)} lines, {words} words")
