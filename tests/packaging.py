#!/usr/bin/env python3
"""What is installed and packed: python3 tests/packaging.py SOURCE BINARY

Installs a build into a folder and makes its Debian package, then looks at both as those would who get them: man, bash,
zsh, systemd, dpkg. Needs mandoc, zsh, systemd's analyzer, dpkg-dev and file.
"""

import glob
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE, BINARY = (os.path.abspath(path) for path in sys.argv[1:3])
PROGRAM = os.path.join(BINARY, "rosterzip")
SECONDS = 120
EXPOSURE = 1.5  # of systemd-analyze security, 0 to 10
UNITS = "usr/lib/systemd/system"
TREE = tempfile.TemporaryDirectory()


def run(*arguments, fails=False, **more):
	"""Runs a command; gives what it says, on standard error too."""
	done = subprocess.run(arguments, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
		stderr=subprocess.STDOUT, encoding="utf-8", **more)
	if (done.returncode != 0) != fails:
		raise AssertionError(f"{' '.join(arguments)}: exit status {done.returncode}\n{done.stdout}")
	return done.stdout


def commands():
	return re.findall(r"^  rosterzip (\w+) ", run(PROGRAM, "help"), re.MULTILINE)


def options(command):
	"""Those that the help of a command shows, with what may stand behind each."""
	if command in ("schema", "completion"):
		return {"help": ""}
	if command == "help":
		return {}
	said = run(PROGRAM, command, "--help-all")
	return dict(re.findall(r"^ +(?:-\w, )?--([a-z0-9-]+)(.*)$", said, re.MULTILINE))


def bash(folder, *words):
	"""What bash offers for the last word."""
	script = f"""source {TREE.name}/usr/share/bash-completion/completions/rosterzip || exit 1
complete -p rosterzip >/dev/null && cd {folder} && COMP_WORDS=("$@") && COMP_CWORD=$(($# - 1)) && _rosterzip &&
	printf '%s\\n' "${{COMPREPLY[@]}}\""""
	return run("bash", "--norc", "-c", script, "bash", *words).split()


def zsh(folder, *lines):
	"""What zsh makes of command lines with tabs in them: it runs each, with a function in place of the program."""
	script = r"""
zmodload zsh/zpty
TERM=dumb zpty shell zsh -f -i
hear() { zpty -r -m shell heard "*$1*" && print -r -- $heard }
zpty -w shell "PS1=; unsetopt list_beep; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; cd $2"
zpty -w shell "rosterzip() { print -r -- \"<\$*>\" }; print -r re''ady"
hear $'\nready'
shift 2
for line; do
	zpty -w shell "rosterzip $line"
done
zpty -w shell "print -r ov''er"
hear $'\nover'
"""
	said = run("zsh", "-f", "-c", script, "zsh", os.path.join(TREE.name, "usr/share/zsh/site-functions"), folder, *lines)
	return re.findall(r"^<(.*)>\r?$", said, re.MULTILINE)


def read(*path):
	with open(os.path.join(*path), encoding="utf-8") as file:
		return file.read()


def setUpModule():
	run("cmake", "--install", BINARY, "--prefix", "/usr", env=dict(os.environ, DESTDIR=TREE.name))


class Installed(unittest.TestCase):
	def test_files(self):
		found = {os.path.relpath(os.path.join(folder, name), TREE.name) for folder, _, names in os.walk(TREE.name)
			for name in names if "doc/rosterzip/" not in os.path.join(folder, "")}
		self.assertEqual(found, {"usr/bin/rosterzip", "usr/share/man/man1/rosterzip.1",
			"usr/share/bash-completion/completions/rosterzip", "usr/share/zsh/site-functions/_rosterzip",
			f"{UNITS}/rosterzip@.service", f"{UNITS}/rosterzip@.timer", f"{UNITS}/rosterzip-failed@.service"})
		documents = os.path.join(TREE.name, "usr/share/doc/rosterzip")
		self.assertEqual(sorted(os.listdir(documents)), ["LICENSE", "README.md", "samples", "schemas"])
		for name in ("nightly.conf", "crontab", "kubernetes/cronjob.yaml", "container/Dockerfile", "pages/orgs.json"):
			self.assertTrue(os.path.exists(os.path.join(documents, "samples", name)), name)
		self.assertTrue(os.path.exists(os.path.join(documents, "schemas/consumers/moodle.json")))
		self.assertIn("rosterzip ", run(os.path.join(TREE.name, "usr/bin/rosterzip"), "--version"))


class Manual(unittest.TestCase):
	PAGE = "usr/share/man/man1/rosterzip.1"

	def test_form(self):
		page = os.path.join(TREE.name, self.PAGE)
		self.assertEqual(run("mandoc", "-T", "lint", "-W", "warning", page), "")
		shown = re.sub(".\b", "", run("mandoc", "-T", "ascii", "-O", "width=80", page))
		self.assertLessEqual(max(len(line) for line in shown.splitlines()), 80)
		sections = re.findall(r"^([A-Z ]+)$", shown, re.MULTILINE)
		self.assertEqual([name for name in sections if name.strip()], ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS",
			"OPTIONS", "CONFIGURATION", "ENVIRONMENT", "FILES", "EXIT STATUS", "SIGNALS", "EXAMPLES", "SECURITY", "SEE ALSO",
			"STANDARDS", "CAVEATS"])

	def test_everything_is_in_it(self):
		text = read(TREE.name, self.PAGE).replace("\\-", "-")
		named = re.findall(r"^\.It Cm ([a-z0-9-]+)", text, re.MULTILINE)
		for command in commands():
			self.assertEqual(named.count(command), 1 + (command in options("export")), command)
			for option in options(command):
				self.assertIn(option, named)
		codes = text.split("\n.Sh EXIT STATUS\n")[1].split("\n.Sh ")[0]
		self.assertEqual(re.findall(r"^\.It (\S+)$", codes, re.MULTILINE),
			re.findall(r"(?:, |: |\s)(\d|128\+N) (?=[a-zA-Z])", run(PROGRAM, "help").split("Exit status")[1]))
		self.assertNotIn("`", text)
		self.assertNotIn("@OPTIONS@", text)


class Completion(unittest.TestCase):
	def setUp(self):
		folder = tempfile.TemporaryDirectory()
		self.addCleanup(folder.cleanup)
		self.folder = folder.name
		os.mkdir(os.path.join(self.folder, "there"))
		with open(os.path.join(self.folder, "that.conf"), "wb"):
			pass

	def test_bash_knows_every_option(self):
		self.assertEqual(bash(self.folder, "rosterzip", ""), commands() + ["--help", "--version"])
		for command in commands():
			known = options(command)
			self.assertEqual(sorted(bash(self.folder, "rosterzip", command, "--")), sorted("--" + name for name in known))
		for name in ("auth", "mode", "quote", "log-format", "deliver-by"):
			words = re.search(r"[ :]([\w-]+(?:, [\w-]+)+)$", options("export")[name])[1].split(", ")
			self.assertEqual(bash(self.folder, "rosterzip", "export", "--" + name, ""), words)

	def test_bash(self):
		for words, offered in (
			(("export", "--pa"), ["--page-size", "--parallel"]),
			(("export", "--page-size", ""), []),
			(("export", "--client-id", "t"), []),
			(("export", "--auth", "=", "oa"), ["oauth2", "oauth1"]),
			(("export", "--auth", "="), ["auto", "oauth2", "aeries-v1", "oauth1", "bearer", "none"]),
			(("export", "--quiet", "--auth", "b"), ["bearer"]),
			(("export", "--files", "users,cla"), ["users,classes", "users,classResources"]),
			(("export", "--roles", "pr"), ["proctor"]),
			(("export", "--allow-errors", "field.en"), ["field.enum"]),
			(("export", "--provider", "classlink-"), ["classlink-proxy"]),
			(("export", "--provider", "th"), ["that.conf", "there"]),
			(("export", "-c", "th"), ["that.conf", "there"]),
			(("export", "--state-dir", "th"), ["there"]),
			(("export", "th"), []),
			(("validate", "--consumer", "moo"), ["moodle"]),
			(("validate", "th"), ["that.conf", "there"]),
			(("prune", "th"), ["there"]),
			(("schema", "us"), ["users"]),
			(("help", "exp"), ["export"]),
			(("completion", ""), ["bash", "zsh"]),
			(("nonsense", "th"), []),
		):
			self.assertEqual(sorted(bash(self.folder, "rosterzip", *words)), sorted(offered), words)

	def test_zsh(self):
		self.assertEqual(run("zsh", "-n", os.path.join(TREE.name, "usr/share/zsh/site-functions/_rosterzip")), "")
		self.assertEqual(zsh(self.folder, "expo\t", "export --page\t5", "export --auth be\t", "export --auth=be\t",
			"export --files users,enr\t", "validate --consumer moo\t", "schema us\t", "export -c that\t", "help doc\t"),
			["export", "export --page-size=5", "export --auth bearer", "export --auth=bearer",
				"export --files users,enrollments", "validate --consumer moodle", "schema users", "export -c that.conf",
				"help doctor"])

	def test_refusals(self):
		self.assertIn("the name of a shell, bash or zsh", run(PROGRAM, "completion", fails=True))
		self.assertIn("the name of a shell, bash or zsh", run(PROGRAM, "completion", "fish", fails=True))


class Units(unittest.TestCase):
	NAMES = ("rosterzip@eagle.service", "rosterzip@eagle.timer", "rosterzip-failed@eagle.service")

	@classmethod
	def setUpClass(cls):
		cls.root = tempfile.TemporaryDirectory()
		cls.addClassCleanup(cls.root.cleanup)
		shutil.copytree(TREE.name, cls.root.name, dirs_exist_ok=True)
		# The targets that units hang on, and the programs beside ours that they start.
		for target in glob.glob("/usr/lib/systemd/system/*.target") + glob.glob("/lib/systemd/system/*.target"):
			shutil.copy(target, os.path.join(cls.root.name, UNITS))
		for program in ("sh", "rm"):
			shutil.copy(shutil.which(program), os.path.join(cls.root.name, "usr/bin"))
		shutil.copytree(os.path.join(SOURCE, "samples/systemd/rosterzip@eagle.service.d"),
			os.path.join(cls.root.name, "etc/systemd/system/rosterzip@eagle.service.d"))

	def analyze(self, *arguments, **more):
		return run("systemd-analyze", f"--root={self.root.name}", "--no-pager", *arguments, **more)

	def test_verify(self):
		self.assertEqual(self.analyze("verify", "--man=no", *self.NAMES), "")
		os.rename(f"{self.root.name}/usr/bin/rosterzip", f"{self.root.name}/away")
		self.addCleanup(os.rename, f"{self.root.name}/away", f"{self.root.name}/usr/bin/rosterzip")
		self.assertIn("rosterzip", self.analyze("verify", "--man=no", *self.NAMES, fails=True))

	def test_security(self):
		said = self.analyze("security", "--offline=yes", "rosterzip@eagle.service")
		self.assertLessEqual(float(re.search(r"Overall exposure level for \S+ ([0-9.]+)", said)[1]), EXPOSURE, said)

	def test_credentials(self):
		"""The sample configuration uses what the units give, and they give what it uses."""
		unit = read(TREE.name, UNITS, "rosterzip@.service")
		self.assertIn("LoadCredential=client-secret:/etc/rosterzip/%i.secret\n", unit)
		text = read(SOURCE, "samples/systemd/rosterzip@eagle.service.d/nightly.conf")
		given = set(re.findall(r"^LoadCredential=([a-z-]+):", text, re.MULTILINE))
		text = read(SOURCE, "samples/nightly.conf")
		wanted = set(re.findall(r"^[a-z-]+ += \$\{CREDENTIALS_DIRECTORY\}/(\S+)", text, re.MULTILINE))
		self.assertEqual(wanted, given)


class Package(unittest.TestCase):
	@classmethod
	def setUpClass(cls):
		cls.work = tempfile.TemporaryDirectory()
		cls.addClassCleanup(cls.work.cleanup)
		settings = os.path.join(BINARY, "CPackConfig.cmake")
		said = run("cpack", "-G", "DEB", "--config", settings, "-B", cls.work.name, cwd=BINARY)
		cls.package = glob.glob(os.path.join(cls.work.name, "rosterzip_*.deb"))
		assert len(cls.package) == 1, said
		cls.package = cls.package[0]
		cls.root = os.path.join(cls.work.name, "root")
		run("dpkg-deb", "-R", cls.package, cls.root)

	def test_contents(self):
		entries = [line.split(None, 5) for line in run("dpkg-deb", "-c", self.package).splitlines()]
		modes = {entry[5]: entry[0] for entry in entries}
		self.assertEqual({entry[1] for entry in entries}, {"root/root"})
		for path, mode in modes.items():
			self.assertTrue(path.startswith("./usr/") or path in ("./", "./etc/", "./etc/rosterzip/"), path)
			self.assertEqual(mode, "drwxr-xr-x" if path.endswith("/") else
				"-rwxr-xr-x" if path == "./usr/bin/rosterzip" else "-rw-r--r--", path)
		for path in ("bin/rosterzip", "share/man/man1/rosterzip.1.gz", "share/bash-completion/completions/rosterzip",
				"share/zsh/vendor-completions/_rosterzip", "lib/systemd/system/rosterzip@.service",
				"lib/systemd/system/rosterzip@.timer", "lib/systemd/system/rosterzip-failed@.service",
				"share/doc/rosterzip/copyright", "share/doc/rosterzip/changelog.gz", "share/doc/rosterzip/README.md",
				"share/doc/rosterzip/samples/nightly.conf"):
			self.assertIn("./usr/" + path, modes)
		self.assertNotIn("./usr/share/doc/rosterzip/LICENSE", modes)

	def test_texts(self):
		documents = os.path.join(self.root, "usr/share/doc/rosterzip")
		self.assertTrue(read(documents, "copyright").endswith(read(SOURCE, "LICENSE")))
		version = run(PROGRAM, "--version").split()[1]
		with gzip.open(os.path.join(documents, "changelog.gz"), "rt") as file:
			self.assertTrue(file.read().startswith(f"rosterzip ({version}) "))
		with gzip.open(os.path.join(self.root, "usr/share/man/man1/rosterzip.1.gz"), "rt") as file:
			self.assertIn(f".Os rosterzip {version}\n", file.read())

	def test_control(self):
		def field(name):
			return run("dpkg-deb", "-f", self.package, name).strip()
		self.assertEqual(field("Package"), "rosterzip")
		self.assertEqual(field("Version"), run(PROGRAM, "--version").split()[1])
		self.assertEqual(field("Architecture"), run("dpkg", "--print-architecture").strip())
		self.assertRegex(os.path.basename(self.package), r"\Arosterzip_[0-9.]+_[a-z0-9]+\.deb\Z")
		for library in ("ca-certificates", "libc6", "libcurl4", "libinih1", "libssl3", "libyajl2", "libzip4", "zlib1g"):
			self.assertRegex(field("Depends"), rf"(^|, ){library}(t64)?( \(|,|$)")
		for script in ("postinst", "prerm", "postrm"):
			run("sh", "-n", os.path.join(self.root, "DEBIAN", script))


if __name__ == "__main__":
	with TREE:
		unittest.main(argv=sys.argv[:1])
