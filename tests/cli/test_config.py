"""What the program is told: options, file, environment; and what it says to mistakes. Exit 2, nothing touched."""

import os
import stat
import unittest

from harness import BEARER, CLIENT_ID, SECRET, Case


class Mistakes(Case):
	"""Found before the server is asked anything."""

	def setUp(self):
		super().setUp()
		self.url = "https://sis.example/aeries"

	def mistake(self, pattern, *extra, **how):
		before = self.old_bundle()
		run = self.export(*extra, expect=2, **how)
		self.assertRegex(run.error, pattern)
		self.assertEqual(run.out, "")
		self.assertEqual(self.mark(self.zip), before)
		self.assertEqual(os.listdir(self.out_folder), ["OneRoster.zip"])
		return run

	def file(self, text, name="run.conf"):
		"""A configuration file with all that is needed at the top of it: six lines."""
		return self.write(name, f"url = {self.url}\nclient-id = {CLIENT_ID}\nclient-secret-file = {self.secret_file}\n"
			f"state-dir = {self.state}\nreport = {self.report}\noutput = {self.zip}\n{text}")

	def mistake_in_file(self, pattern, text):
		before = self.old_bundle()
		path = self.file(text)
		run = self.program(["export", "--config", path])
		self.assertEqual(run.code, 2, run.shown)
		self.assertRegex(run.error, pattern.replace("FILE", path))
		self.assertEqual(self.mark(self.zip), before)

	def test_unknown_option(self):
		self.mistake(r"unknown option `--page-sise` \(did you mean `--page-size`\?\)", "--page-sise", 5)
		self.mistake("unknown option `--frobnicate`", "--frobnicate")

	def test_unknown_option_that_would_hold_a_secret(self):
		run = self.mistake("secret does not belong here.*client-secret-file", "--client-secret", "swordfish")
		self.assertNotIn("swordfish", run.err)
		self.mistake("secret does not belong here", "--password=swordfish")

	def test_unknown_key_with_file_and_line(self):
		self.mistake_in_file(r"FILE:8: unknown key `page-sise` \(did you mean `page-size`\?\)", "\npage-sise = 5\n")
		self.mistake_in_file("FILE:9: unknown key `colour`", "[bundle a]\nempty = header\ncolour = red\n")

	def test_unknown_section_with_file_and_line(self):
		self.mistake_in_file(r"FILE:7: unknown section \[bundel a\]", "[bundel a]\n")

	def test_run_key_in_a_section(self):
		self.mistake_in_file("FILE:8: `page-size` is for the whole run", "[bundle a]\npage-size = 5\n")

	def test_wrong_value_with_file_and_line(self):
		self.mistake_in_file("FILE:7: .*page-size.*", "page-size = many\n")
		self.mistake_in_file("FILE:7: .*page-size.*", "page-size = 0\n")
		self.mistake_in_file("FILE:7: .*retry-time.*", "retry-time = soon\n")
		self.mistake_in_file("FILE:7: .*dangling.*", "dangling = perhaps\n")
		self.mistake_in_file("FILE:7: .*fill.*", "fill = users.nothing=1\n")

	def test_key_given_twice(self):
		self.mistake_in_file("FILE:8: `page-size` was already given on line 7", "page-size = 5\npage-size = 6\n")

	def test_secret_in_the_file(self):
		path = self.file(f"client-secret = {SECRET}\n")
		run = self.program(["export", "--config", path])
		self.assertEqual(run.code, 2)
		self.assertRegex(run.error, f"{path}:7: .*secret does not belong here")

	def test_file_that_is_not_there(self):
		self.mistake("nowhere.conf", "--config", self.path("nowhere.conf"))

	def test_values_that_cannot_be(self):
		for words in (["--page-size", "0"], ["--page-size", "1e3"], ["--page-size", "-1"], ["--page-size", ""],
				["--page-size", "99999999999999999999"], ["--parallel", "0"], ["--timeout", "never"],
				["--auth", "magic"], ["--provider", "nobody"], ["--dangling", "perhaps"], ["--empty", "maybe"],
				["--collections", "people"], ["--collections", ""], ["--fill", "users.enabledUser"],
				["--fill", "users.nothing=1"], ["--allow-missing", "people"], ["--header", "no colon"],
				["--header", "Authorization: Basic abc"], ["--token-param", "novalue"], ["--url", "not an address"],
				["--url", "ftp://sis.example/"], ["--token-url", "file:///etc/passwd"]):
			with self.subTest(words):
				self.mistake(words[0].lstrip("-"), *words)

	def test_values_of_bundles_that_cannot_be(self):
		"""Found on the command line as in the section of a bundle, before anything is read."""
		for option, value, words in (
				("drop-columns", "phone", "it is a column such as users.phone"),
				("drop-columns", "users.nosuch", "users has no column `nosuch`, only: .*familyName"),
				("drop-columns", "users.status", "users.status is not for settings"),
				("drop-columns", "", "has no value. Give one, write none, or leave the setting out"),
				("schools", "", "has no value. Give one, or leave the setting out"),
				("fill", "users.password=x", "users.password is not for settings: a password never leaves"),
				("fill", "orgs.status=tobedeleted", "orgs.status is not for settings"),
				("map", "users.password=map.csv", "users.password is not for settings"),
				("metadata", "users.metadata.password", "is never published"),
				("max-drop", "pupils=5%", "OneRoster has no table `pupils`, only: .*users"),
				("drop-columns", "users.role", "is required"),
				("metadata", "users.note", "it is auto, or a column such as users.metadata.key"),
				("metadata", "nosuch.metadata.note", "it is auto, or a column such as users.metadata.key"),
				("deliver-as", "folder/OneRoster.zip", "the name of a file without a folder"),
				("deliver-as", "..", "the name of a file without a folder"),
				("host-key-sha256", "SHA256:tooshort", "a fingerprint as `ssh-keygen -lf` prints it"),
				("s3-region", "US East", "a region such as us-east-1")):
			with self.subTest(f"{option} {value}"):
				self.mistake(f"command line: `{option}`.*{words}", f"--{option}", value)
				self.mistake_in_file(f"FILE:9: `{option}`.*{words}", f"[bundle a]\noutput = a.zip\n{option} = {value}\n")

	def test_role_that_nobody_has(self):
		self.mistake("there is no role `pupil`, only: .*student", "--roles", "pupil")

	def test_more_bundles_than_there_may_be(self):
		self.mistake_in_file("more than [0-9]+ bundles",
			"".join(f"[bundle b{n}]\noutput = {self.folder}/b{n}.zip\n" for n in range(2000)))

	def test_http_to_a_public_host(self):
		for url in ("http://sis.example/aeries", "http://10.0.0.1/aeries", "http://127.0.0.1.sis.example/",
				"http://localhost.sis.example/"):
			with self.subTest(url):
				self.mistake("https", "--url", url)
		self.mistake("user name", "--url", "http://127.0.0.1@sis.example/")
		self.mistake("https", "--token-url", "http://sis.example/token")

	def test_address_that_holds_a_password(self):
		run = self.mistake("url", "--url", "https://me:swordfish@sis.example/aeries")
		self.assertNotIn("swordfish", run.err)

	def test_what_is_missing(self):
		for pattern, arguments in (
				("`url` is missing", ["--client-id", CLIENT_ID, "--client-secret-file", self.secret_file]),
				("`client-id` is missing", ["--url", self.url, "--client-secret-file", self.secret_file]),
				("secret.*is missing", ["--url", self.url, "--client-id", CLIENT_ID]),
				("bearer token is missing", ["--url", self.url, "--auth", "bearer"])):
			with self.subTest(pattern):
				run = self.program(["export", "--state-dir", self.state, "--output", self.zip, *arguments])
				self.assertEqual(run.code, 2, run.shown)
				self.assertRegex(run.error, pattern)

	def test_output_missing(self):
		self.export(expect=2, output=False)

	def test_outputs_that_cannot_be_written(self):
		file = self.write("file", "x")
		for path in (self.path("nowhere", "a.zip"), os.path.join(file, "a.zip"), self.out_folder,
				self.path("nowhere", "loose") + "/", "/proc/OneRoster.zip"):
			with self.subTest(path):
				run = self.mistake("output: ", "--output", path)
				self.assertIn("annot", run.error)

	def test_output_folder_without_permission(self):
		if os.getuid() == 0:
			# root may write everywhere except where nobody can
			self.mistake("output: ", "--output", "/sys/kernel/OneRoster.zip")
			return
		folder = self.path("locked")
		os.mkdir(folder, 0o500)
		self.mistake("output: .*Permission denied", "--output", os.path.join(folder, "a.zip"))

	def test_report_that_cannot_be_written(self):
		self.mistake("report: ", "--report", self.path("nowhere", "report.json"))

	def test_secret_file_that_others_may_read(self):
		for mode in (0o604, 0o606, 0o644, 0o666):
			with self.subTest(oct(mode)):
				os.chmod(self.secret_file, mode)
				run = self.mistake("client-secret-file.*chmod 600", "--client-secret-file", self.secret_file)
				self.assertNotIn(SECRET, run.err)

	def test_secret_files_that_are_none(self):
		for text, pattern in (("", "empty"), ("\n" + SECRET, "empty"), ("a\0b\n", "control characters")):
			with self.subTest(text):
				self.mistake(pattern, "--client-secret-file", self.write("other", text, 0o600))
		self.mistake("cannot read", "--client-secret-file", self.path("nowhere"))
		self.mistake("too large", "--client-secret-file", self.write("large", "x" * 2000000, 0o600))

	def test_commands_that_give_no_secret(self):
		for command, pattern in (("exit 3", "exit status 3"), ("true", "empty"), ("kill -9 $$", "signal 9")):
			with self.subTest(command):
				self.mistake(pattern, "--client-id", CLIENT_ID, "--client-secret-command", command, login=False)

	def test_two_secrets(self):
		self.mistake("both given", "--client-secret-command", "echo x")

	def test_quiet_and_verbose(self):
		self.mistake("quiet|verbose", "--quiet", "--verbose")

	def test_two_bundles_at_one_place(self):
		self.mistake_in_file("output", "[bundle a]\n[bundle b]\n")

	def test_unknown_command(self):
		run = self.program(["exprot"])
		self.assertEqual(run.code, 2)
		self.assertRegex(run.error, "no command exprot")
		self.assertEqual(self.program([]).code, 2)

	def test_words_that_belong_nowhere(self):
		self.mistake("surplus|unexpected|takes no|argument|word", "surplus")


class Help(Case):
	def test_help(self):
		for words in (["help"], ["--help"], ["-h"], ["help", "export"], ["export", "--help"], ["help", "schema"]):
			run = self.program(words)
			self.assertEqual((run.code, run.err), (0, ""), words)
			self.assertLessEqual(max(map(len, run.out.splitlines())), 90, words)
		self.assertLess(len(self.program(["export", "--help"]).out.splitlines()), 66)
		rare = "id and secret in Basic: form, raw"
		self.assertNotIn(rare, self.program(["export", "--help"]).out)
		self.assertIn(rare, self.program(["export", "--help-all"]).out)

	def test_version(self):
		run = self.program(["--version"])
		self.assertEqual(run.code, 0)
		self.assertRegex(run.out, r"\Arosterzip \d+\.\d+\.\d+\n\Z")

	def test_schema(self):
		run = self.program(["schema"])
		self.assertEqual(run.code, 0)
		for name in ("orgs", "users", "classResources"):
			self.assertIn(name, run.out)
		one = self.program(["schema", "users"])
		self.assertIn("agentSourcedIds", one.out)
		self.assertEqual(self.program(["schema", "people"]).code, 2)


class Sources(Case):
	"""Default, file, environment, command line: later wins."""

	def setUp(self):
		super().setUp()
		self.serve()

	def run_with(self, text, arguments=(), env=None, expect=0):
		path = self.write("run.conf", text)
		run = self.program(["export", "--config", path, *arguments], env)
		self.assertEqual(run.code, expect, run.shown)
		return run

	def base(self, more=""):
		return (f"# a comment\nurl = {self.url}   ; another\nclient-id = {CLIENT_ID}\n"
			f"client-secret-file = {self.secret_file}\nstate-dir = {self.state}\nreport = {self.report}\n"
			f"output = {self.zip}\n{more}")

	def limits(self):
		return {e["query"]["limit"] for e in self.sis.pages("orgs")}

	def test_all_from_a_file(self):
		self.run_with(self.base("page-size = 77\n"))
		self.assert_truth()
		self.assertEqual(self.limits(), {"77"})

	def test_file_with_dos_line_ends_and_mark(self):
		self.run_with("\ufeff" + self.base("page-size = 77\n").replace("\n", "\r\n"))
		self.assert_truth()
		self.assertEqual(self.limits(), {"77"})

	def test_environment_wins_over_the_file(self):
		self.run_with(self.base("page-size = 77\n"), env={"ROSTERZIP_PAGE_SIZE": "78"})
		self.assertEqual(self.limits(), {"78"})

	def test_command_line_wins_over_both(self):
		self.run_with(self.base("page-size = 77\n"), ["--page-size=79"], {"ROSTERZIP_PAGE_SIZE": "78"})
		self.assertEqual(self.limits(), {"79"})

	def test_all_from_the_environment(self):
		env = {"ROSTERZIP_URL": self.url, "ROSTERZIP_CLIENT_ID": CLIENT_ID, "ROSTERZIP_CLIENT_SECRET": SECRET,
			"ROSTERZIP_STATE_DIR": self.state, "ROSTERZIP_OUTPUT": self.zip, "ROSTERZIP_COLLECTIONS": "orgs"}
		run = self.program(["export"], env)
		self.assertEqual(run.code, 0, run.shown)
		self.assert_truth(collections=["orgs"])

	def test_file_named_by_the_environment(self):
		path = self.write("run.conf", self.base("collections = orgs\n"))
		self.assertEqual(self.program(["export"], {"ROSTERZIP_CONFIG": path}).code, 0)
		self.assert_truth(collections=["orgs"])

	def test_unknown_variable_is_a_warning(self):
		run = self.run_with(self.base("collections = orgs\n"), env={"ROSTERZIP_PAGE_SISE": "5"})
		self.assertEqual(len(run.warnings), 1)
		self.assertIn("did you mean ROSTERZIP_PAGE_SIZE?", run.warnings[0])

	def test_wrong_value_in_the_environment_names_the_variable(self):
		run = self.run_with(self.base(), env={"ROSTERZIP_PAGE_SIZE": "many"}, expect=2)
		self.assertIn("ROSTERZIP_PAGE_SIZE", run.error)

	def test_lists_over_several_lines(self):
		self.run_with(self.base("collections = orgs,\n  academicSessions\n  courses\n"))
		self.assert_truth(collections=["orgs", "academicSessions", "courses"])

	def test_folder_for_state_when_none_is_named(self):
		home = self.path("home")
		for name, value, below in (("STATE_DIRECTORY", home + "/a", "a"), ("XDG_STATE_HOME", home + "/b", "b/rosterzip"),
				("HOME", home + "/c", "c/.local/state/rosterzip")):
			text = self.base("collections = orgs\n").replace(f"state-dir = {self.state}\n", "")
			self.run_with(text, env={name: value})
			(one,) = os.listdir(os.path.join(home, below))
			self.assertEqual(sorted(os.listdir(os.path.join(home, below, one))), ["lock", "published"])

	def test_secret_of_a_command(self):
		command = f"test -z \"$ROSTERZIP_CLIENT_SECRET\" && cat {self.secret_file}"
		self.export("--client-id", CLIENT_ID, "--client-secret-command", command, login=False)
		self.assert_truth()

	def test_secret_of_the_environment_loses_to_a_file_on_the_command_line(self):
		self.export(env={"ROSTERZIP_CLIENT_SECRET": "wrong"})
		self.assert_truth()

	def test_secret_file_for_the_group(self):
		os.chmod(self.secret_file, 0o640)
		self.export_truth()

	def test_secret_file_with_dos_line_end(self):
		self.write("secret", SECRET + "\r\nsecond line\r\n", 0o600)
		self.export_truth()

	def test_date_in_the_output(self):
		import time
		before = time.strftime("%Y%m%d")
		self.export("--output", os.path.join(self.out_folder, "eagle-%Y%m%d.zip"))
		(name,) = os.listdir(self.out_folder)
		self.assertIn(name, {f"eagle-{before}.zip", f"eagle-{time.strftime('%Y%m%d')}.zip"})

	def test_relative_output(self):
		self.export("--output", "here.zip")
		self.assertTrue(stat.S_ISREG(os.stat(self.path("here.zip")).st_mode))

	def test_log_as_json(self):
		import json
		self.serve(client_secret="ab" * 32)
		run = self.export("--log-format", "json", expect=4)
		lines = [json.loads(line) for line in run.lines]
		self.assertEqual([line["level"] for line in lines], ["error"])
		self.assertRegex(lines[0]["text"], "refuses the client id or the secret")

	def test_verbose_shows_requests_but_no_secret(self):
		self.serve(login="aeries-v1")
		run = self.export("--verbose", "--auth", "aeries-v1")
		self.assertIn("/v1/oauth/token", run.err)
		self.assertNotRegex(run.err, "(client_secret|authorization_code|refresh_token)=[0-9a-f]{6}")
		self.assertNotRegex(run.err, "Bearer [0-9a-f]{6}")
		self.assertNotRegex(run.err, "(SessionId|ARRAffinity)=[0-9a-f]{6}")
		self.assertNotIn("Sample-", run.err)

	def test_verbose_shows_no_bearer_token(self):
		self.serve(login="bearer")
		token = self.write("token", BEARER, 0o600)
		self.export("--verbose", "--bearer-token-file", token, login=False)


if __name__ == "__main__":
	unittest.main()
