#!/usr/bin/env python3
"""Looks for inputs that break what reads foreign bytes: every target for a while, several at once.

    python3 tests/fuzz/run.py [--seconds 1800] [--jobs 2] [TARGET...]

Builds the targets with clang in build/fuzz and starts from the inputs that are kept in tests/fuzz/corpus. What it finds
anew lies in build/fuzz/found/TARGET, an input that breaks something in build/fuzz/broken. At the end stands a table:
what was executed, in how much time, how many edges of the program that reached, and what broke.
"""

import argparse
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "fuzz"

FILE_MAX = 1 << 28  # a working file that grows beyond this is a finding, and no reason to fill the memory

# What a target is given to make its inputs of, where that is not JSON.
DICTIONARIES = {
    "archive": "csv", "config": "ini", "consumer": "schema", "csv": "csv", "diff": "csv", "headers": "http",
    "hostkey": "place", "link": "http", "mapfile": "csv", "place": "place", "provider": "schema", "row": "csv",
    "series": "place", "store": "store", "validate": "csv",
}


def build():
    compiler = ["-DCMAKE_C_COMPILER=clang", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DROSTERZIP_FUZZ=ON"]
    subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, *compiler], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD, "-j", str(os.cpu_count())], check=True, stdout=subprocess.DEVNULL)


def targets():
    return sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.c"))


class Run:
    """One target, from its start to its row of the table."""

    def __init__(self, target, seconds):
        self.target = target
        self.seconds = seconds

    def __call__(self):
        found = BUILD / "found" / self.target
        broken = BUILD / "broken"
        for folder in (found, broken):
            folder.mkdir(parents=True, exist_ok=True)
        command = [BUILD / "tests" / f"fuzz_{self.target}", f"-max_total_time={self.seconds}", "-timeout=20",
                   "-rss_limit_mb=1024", "-print_final_stats=1", f"-artifact_prefix={broken}/{self.target}-"]
        command.append(f"-dict={HERE / (DICTIONARIES.get(self.target, 'json') + '.dict')}")
        command += [found, HERE / "corpus" / self.target]
        self.log = BUILD / f"{self.target}.log"
        shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(dir=shared) as scratch, open(self.log, "w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ, TMPDIR=scratch))
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.monotonic() - begin
        self.processor = usage.ru_utime + usage.ru_stime
        self.status = process.returncode

    def row(self):
        text = self.log.read_text(errors="replace")
        last = re.findall(r"^#(\d+)\s.*? cov: (\d+)", text, re.M)
        total = re.search(r"stat::number_of_executed_units: (\d+)", text)
        executions = int(total[1]) if total else int(last[-1][0]) if last else 0
        edges = int(last[-1][1]) if last else 0
        outcome = "nothing broke" if self.status == 0 else f"BROKE, see {self.log}"
        return (f"{self.target:<10}{executions:>14,}{self.wall / 60:>10.1f}{self.processor / 60:>12.1f}{edges:>8}  "
                f"{outcome}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=1800, help="for each target")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets at once")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    options = parser.parse_args()
    unknown = set(options.targets) - set(targets())
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are: {', '.join(targets())}")
    build()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MAX, FILE_MAX))
    waiting = [Run(target, options.seconds) for target in options.targets or targets()]
    runs = list(waiting)
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                if not waiting:
                    return
                run = waiting.pop(0)
            run()
            print(run.row(), flush=True)

    print(f"{'target':<10}{'executions':>14}{'minutes':>10}{'processor':>12}{'edges':>8}")
    workers = [threading.Thread(target=work) for _ in range(options.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.exit(any(run.status != 0 for run in runs))


if __name__ == "__main__":
    main()
