"""What the benchmark shows: the machine, and tables of times and ratios as Markdown."""

import os
import platform
import re
import shutil
import statistics
import subprocess

from district import SIZE
from servers import WHERE

LATENCY = 0.2  # seconds
FAR = [(1, 5000), (2, 5000), (4, 5000), (8, 5000), (8, 1000), (16, 5000)]  # requests in flight, rows a page
BUNDLES = 12


class Results:
	"""What came out, by job."""

	def __init__(self, samples):
		self.samples = samples

	def has(self, *names):
		return all(self.samples.get(name) for name in names)

	def values(self, key, *names):
		"""The sum over the jobs, for each round."""
		if key == "cpu":
			return [u + s for u, s in zip(self.values("user", *names), self.values("system", *names))]
		return [sum(parts) for parts in zip(*([sample[key] for sample in self.samples[name]] for name in names))]

	def median(self, key, *names):
		return statistics.median(self.values(key, *names))

	def ratios(self, key, above, below):
		return [a / b for a, b in zip(self.values(key, *above), self.values(key, *below))]

	def peak(self, name):
		return max(self.values("peak", name))


def spread(values, form="{:.2f}"):
	"""Median, and from where to where."""
	text = form.format(statistics.median(values))
	if len(values) > 1:
		text += f" ({form.format(min(values))} to {form.format(max(values))})"
	return text


def far_name(in_flight, rows):
	return f"latency {in_flight} {rows}"


TOOLS = [
	("export", "`rosterzip export`, pages of 5,000"),
	("curl", "`curl --compressed` of the same pages to nowhere"),
	("yajl", "yajl with empty callbacks over them"),
	("gzip", "`gzip -6` of the CSV files to nowhere"),
	("python", "the same export in Python's standard library"),
	("jq", "curl into jq, CSV files only"),
	("https export", "`rosterzip export`, https"),
	("https curl", "`curl --compressed`, https with HTTP/2"),
	("small export", "`rosterzip export`, pages of 100"),
	("small curl", "`curl --compressed`, pages of 100"),
	("ten export", "`rosterzip export`, ten times the enrollments"),
	("whole export", "`rosterzip export`, a server that ignores `limit` (it is asked twice)"),
	("whole ten export", "the same with ten times the enrollments"),
	("bundles", f"`rosterzip export`, {BUNDLES} bundles of everything from one read"),
	("slices", f"`rosterzip export`, a bundle of everything and {BUNDLES - 1} of one school each from one read"),
	("validate", "`rosterzip validate`"),
	("diff", "`rosterzip diff`"),
	*((far_name(*far), f"`rosterzip export`, 200 ms latency, {far[0]} in flight, pages of {far[1]:,}") for far in FAR),
]


def row(*cells):
	print("| " + " | ".join(cells) + " |")


def show_tools(results):
	row("", "wall s", "CPU s", "peak MB")
	row("---", "---:", "---:", "---:")
	for name, label in TOOLS:
		if results.has(name):
			row(label, spread(results.values("wall", name)), spread(results.values("cpu", name)),
				f"{results.peak(name) / 1e6:.1f}")
		elif name in results.samples:
			row(label, "not there", "", "")


def ratio_rows(results, facts):
	"""(what, value, target) of every ratio that can be told."""
	floor = ["curl", "yajl", "gzip"]
	if results.has("export", *floor):
		yield "wall: export ÷ (curl + yajl + gzip)", spread(results.ratios("wall", ["export"], floor)), "≤ 1.0"
		yield "CPU: export ÷ (curl + yajl + gzip)", spread(results.ratios("cpu", ["export"], floor)), ""
	if results.has("export", "python"):
		yield "wall: export ÷ Python", spread(results.ratios("wall", ["export"], ["python"]), "{:.3f}"), "≤ 0.2"
	if results.has("export", "jq"):
		yield "wall: export ÷ curl into jq", spread(results.ratios("wall", ["export"], ["jq"]), "{:.3f}"), ""
	if results.has("https export", "https curl", "yajl", "gzip"):
		yield "wall: https export ÷ (https curl + yajl + gzip)", spread(results.ratios("wall", ["https export"],
			["https curl", "yajl", "gzip"])), ""
	if results.has("small export", "small curl", "yajl", "gzip"):
		yield "wall: export in pages of 100 ÷ (curl of them + yajl + gzip)", spread(results.ratios("wall",
			["small export"], ["small curl", "yajl", "gzip"])), ""
	if results.has("export"):
		yield "peak memory of export", f"{results.peak('export') / 1e6:.1f} MB", "≤ 32 MB"
	for name, what in (("ten export", "ten times the enrollments"), ("whole export", "`limit` ignored"),
			("whole ten export", "`limit` ignored, ten times the enrollments"), ("small export", "pages of 100")):
		if results.has("export", name):
			yield f"peak memory: {what} ÷ export", f"{results.peak(name) / results.peak('export'):.2f}", \
				"≤ 1.10" if name == "ten export" else ""
	if results.has("whole export", "whole ten export"):
		yield "peak memory, `limit` ignored: ten times the enrollments ÷ once", \
			f"{results.peak('whole ten export') / results.peak('whole export'):.2f}", ""
	if results.has("export", "ten export"):
		per_row = (facts["rows"] + 9 * SIZE["enrollments"]) / facts["rows"]
		yield "wall a row: ten times the enrollments ÷ export", spread([r / per_row for r in results.ratios("wall",
			["ten export"], ["export"])]), ""
	for n, rows in FAR:
		name = far_name(n, rows)
		if results.has(name):
			ideal = [s["requests"] * LATENCY / n for s in results.samples[name]]
			whole = spread([s["wall"] / i for s, i in zip(results.samples[name], ideal)])
			reading = statistics.median(s["reading"] / i for s, i in zip(results.samples[name], ideal))
			yield f"200 ms latency, {n} in flight, pages of {rows:,}: wall ÷ (pages × 0.2 s ÷ {n})", \
				f"{whole}; to the last answer {reading:.2f}; {results.samples[name][0]['requests']} pages", \
				"≤ 1.15" if n == 8 else ""
	if results.has("validate"):
		yield "`validate` of that bundle", f"{results.median('wall', 'validate'):.2f} s, " \
			f"{results.peak('validate') / 1e6:.1f} MB", "≤ 1 s, ≤ 64 MB"
	for job, what in (("bundles", "of everything"), ("slices", "of one school")):
		if not results.has("export", job):
			continue
		for key, word in (("wall", "wall"), ("cpu", "CPU")):
			pairs = list(zip(results.values(key, job), results.values(key, "export")))
			further = [(many - one) / (BUNDLES - 1) for many, one in pairs]
			yield f"{word}: each further bundle {what} ÷ export of one of everything", spread([cost / one
				for cost, (_, one) in zip(further, pairs)]), "≤ 0.1" if job == "slices" else ""


def show_ratios(results, facts, busy):
	row("what", "measured", "target")
	row("---", "---", "---")
	for cells in ratio_rows(results, facts):
		row(*cells)
	for name, rate, share, refused, asked in busy or ():
		if name.startswith("rosterzip"):
			row(f"a server soon busy, {name}: throughput ÷ best of the fixed", f"{share:.2f}; 429: {refused} of {asked}",
				"≥ 0.9")


def said(*command):
	"""The first line of what a command says."""
	try:
		done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
	except OSError:
		return None
	lines = done.stdout.decode(errors="replace").strip().splitlines()
	return lines[0] if lines and done.returncode == 0 else None


def machine(program):
	with open("/proc/cpuinfo", encoding="utf-8") as f:
		names = re.findall(r"^(?:model name|Model|Hardware)\s*: (.*)$", f.read(), re.M)
	with open("/proc/meminfo", encoding="ascii") as f:
		memory = int(f.readline().split()[1]) * 1024
	versions = {name: said("pkg-config", "--modversion", name) for name in ("libcurl", "yajl", "libzip", "zlib")}
	versions.update({
		"rosterzip": (said(program, "--version") or "").removeprefix("rosterzip "),
		"nginx": (said(shutil.which("nginx", path=WHERE), "-v") or "").rpartition("/")[2],
		"python": platform.python_version(), "curl": (said("curl", "--version") or "").split(" (")[0].removeprefix("curl "),
		"gzip": (said("gzip", "--version") or "").removeprefix("gzip "), "jq": said("jq", "--version"),
	})
	system = said("sh", "-c", ". /etc/os-release; echo $PRETTY_NAME")
	return {"processor": names[0] if names else platform.machine(), "cores": len(os.sched_getaffinity(0)),
		"memory_bytes": memory, "kernel": platform.release(), "system": system, "versions": versions}


def show_head(facts, where, rounds, load):
	versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items() if version)
	print(f"{where['processor']}, {where['cores']} cores, {where['memory_bytes'] / 1e9:.0f} GB, {where['system']}, Linux "
		f"{where['kernel']}. {versions}. Load before: {load[0]:.1f}.")
	print(f"{facts['rows']:,} rows, {facts['json_bytes'] / 1e6:.0f} MB of JSON in {facts['pages']} pages, "
		f"{facts['wire_bytes'] / 1e6:.1f} MB on the wire, {facts['csv_bytes'] / 1e6:.0f} MB of CSV, "
		f"{facts['zip_bytes'] / 1e6:.1f} MB zip. "
		+ ("One round: only to see that it works." if rounds == 1 else f"Medians of {rounds} rounds (least to most)."))
	print()
