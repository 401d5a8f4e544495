#!/usr/bin/env python3
"""What of the program the whole suite runs through, by line.

    python3 tests/coverage.py [--lines] [--keep] [CTEST OPTION...]
    python3 tests/coverage.py [--lines] --fuzz

Builds with gcc and --coverage in build/coverage, runs every test there (or those that ctest is told to, such as
-R fuzz.link), and prints a table: for each folder of src its lines, how many of them ran, and the files with the most
that did not. --lines prints each line that did not run, --keep adds to what earlier runs left there. --fuzz prints for
each fuzz target what the inputs that are kept, and those that tests/fuzz/run.py found, run through of its modules.
Needs what tests/run.sh installs, and gcovr. A process that is killed takes its counts with it: what only such a one ran
through counts as not run.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "coverage"
FOUND = ROOT / "build" / "fuzz" / "found"

# What each fuzz target is there for.
MODULES = {
    "archive": ["package/archive", "package/zipdir"],
    "config": ["config", "inifile", "setting"],
    "consumer": ["consumer_file", "jsonfile"],
    "csv": ["table/csv_read", "table/csv_write"],
    "diff": ["cmd/compare", "cmd/churn", "cmd/diff", "cmd/difference"],
    "export": ["cmd/export", "cmd/collect", "cmd/make", "cmd/publish", "package/bundle"],
    "headers": ["fetch/retry", "base/time"],
    "hostkey": ["package/hostkey"],
    "link": ["fetch/link"],
    "mapfile": ["mapfile", "check/exchange"],
    "place": ["package/place"],
    "problem": ["fetch/problem"],
    "provider": ["provider_file", "jsonfile"],
    "row": ["table/row"],
    "sax": ["convert/sax", "convert/record", "convert/plan", "table/extras"],
    "series": ["package/series", "package/retention", "dated"],
    "store": ["fetch/store", "fetch/journal"],
    "token": ["fetch/token"],
    "validate": ["check/judge", "check/form", "check/manifest", "check/links", "check/finding", "cmd/census",
                 "cmd/portrait"],
    "value": ["check/value", "check/moment", "check/clean"],
}


def build():
    flags = ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_COMPILER=gcc",
             "-DCMAKE_C_FLAGS=--coverage -fprofile-update=atomic -fprofile-abs-path"]
    subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, *flags], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD, "-j", str(os.cpu_count())], check=True, stdout=subprocess.DEVNULL)


def forget():
    for counts in BUILD.rglob("*.gcda"):
        counts.unlink()


def run(options):
    command = ["ctest", "--test-dir", BUILD, "--output-on-failure", "--timeout", "3600", *options]
    return subprocess.run(command, check=False).returncode


def measure():
    """{file: {line: times}} of src; lines of a header count once, however many files include it."""
    command = ["gcovr", "--root", ROOT, "--filter", "src/", "--json", "-", BUILD]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)
    files = {}
    for file in report["files"]:
        lines = files.setdefault(file["file"], {})
        for line in file["lines"]:
            if not line.get("gcovr/noncode"):
                number = line["line_number"]
                lines[number] = max(lines.get(number, 0), line["count"])
    return files


def share(ran, lines):
    return f"{lines:>7}{ran:>7}{100 * ran / max(1, lines):>7.1f} %"


def show_lines(files):
    for name, lines in sorted(files.items()):
        text = (ROOT / name).read_text().split("\n")
        for number in sorted(n for n, times in lines.items() if times == 0):
            print(f"{name}:{number}: {text[number - 1].strip()}")


def fuzz(each_line):
    missed = {}
    for path in sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.c")):
        target = path.stem.removeprefix("fuzz_")
        kept = ROOT / "tests" / "fuzz" / "corpus" / target
        folders = [folder for folder in (kept, FOUND / target) if folder.is_dir()]
        forget()
        subprocess.run([BUILD / "tests" / path.stem, "-whole", *folders], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        files = measure()
        for module in MODULES[target]:
            lines = files[f"src/{module}.c"]
            print(f"{target:<10}{module:<20}{share(sum(1 for times in lines.values() if times > 0), len(lines))}")
            missed[f"src/{module}.c"] = lines
    if each_line:
        show_lines(missed)


def show(files, each_line):
    folders = collections.defaultdict(list)
    for name, lines in sorted(files.items()):
        folders[os.path.dirname(name)].append((name, len(lines), sum(1 for times in lines.values() if times > 0)))
    print(f"{'folder':<14}{'lines':>7}{'ran':>7}{'share':>9}")
    for folder, entries in sorted(folders.items()):
        lines, ran = sum(e[1] for e in entries), sum(e[2] for e in entries)
        least = sorted(entries, key=lambda e: e[2] - e[1])[:3]
        worst = ", ".join(f"{os.path.basename(e[0])} {e[1] - e[2]}" for e in least if e[1] > e[2])
        print(f"{folder:<14}{share(ran, lines)}  {worst}")
    every = [e for entries in folders.values() for e in entries]
    print(f"{'all':<14}{share(sum(e[2] for e in every), sum(e[1] for e in every))}")
    if each_line:
        show_lines(files)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", action="store_true", help="each line that did not run")
    parser.add_argument("--keep", action="store_true", help="add to what earlier runs left")
    parser.add_argument("--fuzz", action="store_true", help="of each fuzz target, its modules")
    options, more = parser.parse_known_args()
    if not options.keep:
        forget()
    build()
    if options.fuzz:
        fuzz(options.lines)
        return
    status = run(more)
    show(measure(), options.lines)
    sys.exit(status)


if __name__ == "__main__":
    main()
