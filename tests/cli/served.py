"""The fake SIS on a thread of the test's own process: cheaper than a process of its own, and its rows and faults are at
hand while it serves. And the truth, of every state of its rows."""

import json
import os
import tempfile
import threading
import urllib.parse

from harness import CORE, sis_module


class Served:
	"""One server of one scenario, until close()."""

	def __init__(self, scenario):
		self.scenario = sis_module.complete_scenario(dict(sis_module.SCENARIO), json.loads(json.dumps(scenario)))
		self.stop = threading.Event()
		self.sis = sis_module.Sis(district(self.scenario), self.scenario, self.stop)
		self.server = sis_module.Server(self.sis, quiet=True)
		self.log = []  # of the requests, as in the log of sis.py
		self.server.log = self.log.append
		self.url = self.server.root + self.scenario["base"]
		self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
		self.thread.start()

	def close(self):
		if not self.stop.is_set():
			self.stop.set()
			self.server.shutdown()
			self.server.server_close()
			self.thread.join(10)

	def pages(self, since=0):
		"""The requests for data, all but the first so many: (path below the data address, query as a dict, log entry)."""
		found = []
		root = self.scenario["base"] + self.scenario["data_path"] + "/"
		for entry in self.log[since:]:
			path, _, query = entry["path"].partition("?")
			if path.startswith(root):
				found.append((path[len(root):], dict(urllib.parse.parse_qsl(query)), entry))
		return found


def district(scenario):
	size = {**sis_module.DISTRICT, **scenario["district"]}
	schemas = sis_module.Schemas(sis_module.SCHEMAS)
	offered = [name for name in size.pop("with", "").split(",") if name]
	return sis_module.District(schemas, size, scenario, set(offered))


def state(scenario, steps=(), collections=tuple(CORE), only=None):
	"""The files that a good export gives after these changes of the rows. only: for some tables a function of a record,
	whether it is listed at all."""
	rows = district(scenario)
	lists = sis_module.Lists(rows, scenario)
	for step in steps:
		lists.change(step)
	keys = {table: list(lists.current(table)) for table in rows.schemas.served}
	for table, listed in (only or {}).items():
		keys[table] = [k for k in keys[table] if listed(rows.record(table, k))]
	files = {}
	with tempfile.TemporaryDirectory(prefix="truth-") as folder:
		sis_module.Truth(rows, list(collections)).write(folder, keys)
		for name in os.listdir(folder):
			with open(os.path.join(folder, name), "rb") as f:
				files[name] = f.read()
	return files
