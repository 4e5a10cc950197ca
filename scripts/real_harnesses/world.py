"""The world of one scenario: a scripted model server, a repository that has never seen us, and what is true of both
when the scenario is over."""
import gzip
import json
import os
import re
import signal
import subprocess
import time

from real_harnesses.programs import KEY

TASK = """---
task_id: greeting
title: Write a greeting
target_paths: [greeting.txt]
acceptance: ["greeting.txt says hello"]
required_checks: ["grep hello greeting.txt"]
references: [README.md]
risk: [none]
---
Write `hello` into `greeting.txt`.
"""
# Nothing that a scenario starts may take longer, whatever happens.
LONGEST_SECONDS = 240
# What a stage may leave in the work tree, beside the runtime's own folder.
EXPECTED_FILES = {"greeting.txt"}


class Broken(Exception):
    """What a scenario needs does not work."""


class World:
    """One repository, one server, one home."""

    def __init__(self, harness, scenario, millrace, server, folder):
        self.harness = harness
        self.scenario = scenario
        self.millrace = millrace
        self.server = server
        self.folder = folder
        self.repository = folder / "repository"
        self.home = folder / "home"
        self.script = folder / "script.json"
        self.requests = folder / "requests.jsonl"
        self.serving = None
        self.port = None
        self.head = None
        self.home.mkdir(parents=True)
        self.repository.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            **harness.environment(self.home),
        }

    # -- the model

    def serve(self, script, models=None):
        """Starts the scripted server."""
        self.rewrite(script)
        port_file = self.folder / "port"
        command = ["python3", str(self.server), "--port", "0", "--port-file", str(port_file), "--script", str(self.script)]
        command += ["--log", str(self.requests), "--max-seconds", str(2 * LONGEST_SECONDS)]
        if models:
            command += ["--models", models]
        with open(self.folder / "server.log", "wb") as log:
            self.serving = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + 20
        while not (port_file.exists() and port_file.read_text().strip()):
            if self.serving.poll() is not None or time.monotonic() > until:
                raise Broken(f"the model server does not start: {(self.folder / 'server.log').read_text()[-300:]}")
            time.sleep(0.05)
        self.port = int(port_file.read_text())

    def rewrite(self, script):
        """Gives the model other things to say. The server reads its script again when it has changed."""
        new = self.script.with_suffix(".new")
        new.write_text(json.dumps(script))
        os.replace(new, self.script)

    def asked(self):
        """The bodies of the requests that the model was sent."""
        if not self.requests.exists():
            return []
        records = [json.loads(line) for line in self.requests.read_text().splitlines()]
        return [record["body"] for record in records if "body" in record]

    def tokens_of_last_request(self):
        """What the model said that the last request's input was: the server counts four bytes of its body as one."""
        bodies = self.asked()
        return len(json.dumps(bodies[-1])) // 4 if bodies else None

    # -- the repository

    def move(self, repository):
        """The repository lies elsewhere."""
        self.repository.rmdir()
        repository.mkdir(parents=True)
        self.repository = repository

    def start(self, mode="standard_plain", silence=None, **options):
        """A repository with one commit, one task, and this harness for all of its stages."""
        self.git("init", "--quiet", "--initial-branch=main", ".")
        self.git("config", "user.name", "Somebody")
        self.git("config", "user.email", "somebody@example.org")
        (self.repository / "README.md").write_text("# A project\n")
        self.git("add", "README.md")
        self.git("commit", "--quiet", "-m", "start")
        self.head = self.git("rev-parse", "HEAD")
        self.command("init")
        lines = [f"silence_seconds = {silence}"] if silence else []
        seconds = {"builder": self.scenario.builder_seconds}
        stages = [
            f"[stages.{stage}]\nmodel = \"{self.harness.model}\"\ntimeout_seconds = {seconds.get(stage, 120)}\n"
            for stage in ("builder", "checker", "updater", "troubleshooter")
        ]
        (self.repository / "millrace-agents" / "millrace.toml").write_text("\n".join([
            f"[runtime]\ndefault_mode = \"{mode}\"\n",
            f"[runners]\ndefault_runner = \"{self.harness.runner}\"\n",
            self.harness.configuration(self.port, self.scenario.level, lines=lines, **options),
            *stages,
        ]))
        self.command("compile", "validate")
        task = self.folder / "task.md"
        task.write_text(TASK)
        self.command("queue", "add-task", str(task))

    def git(self, *arguments, check=True):
        done = self.call(["git", *arguments])
        if check and done.returncode != 0:
            raise Broken(f"git {arguments[0]}: {done.stderr.strip()[-300:]}")
        return done.stdout.strip()

    def command(self, *arguments, allow=(0,)):
        """A command of ours; any other exit code than those allowed is an end of the scenario."""
        done = self.call([str(self.millrace), *arguments])
        if done.returncode not in allow:
            said = (done.stderr or done.stdout).strip()[-400:]
            raise Broken(f"millrace {' '.join(arguments[:2])}: exit code {done.returncode}: {said}")
        return done.stdout

    def call(self, command):
        process = subprocess.Popen(
            command, cwd=self.repository, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        )
        try:
            out, err = process.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Broken(f"{command[0]} {command[1]}: no end after {LONGEST_SECONDS} s") from None
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def answer(self, *arguments, allow=(0,)):
        """The data of a command that answers in JSON."""
        return json.loads(self.command(*arguments, "--json", allow=allow))["data"]

    def stage(self):
        """Runs one stage."""
        return self.answer("run", "once", allow=(0, 1, 6))

    def until_idle(self):
        """Runs stage after stage until nothing is ready."""
        self.command("run", "daemon", "--until-idle", allow=(0, 1, 6))

    def await_request(self):
        """What the first launch is asked, as soon as it is."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for path in (self.repository / "millrace-agents" / "runs").glob("*/01-*/request.toml"):
                lines = [line.split(" = ", 1) for line in path.read_text().splitlines() if " = \"" in line]
                if (request := {key: value.strip('"') for key, value in lines}).get("result_file"):
                    return request
            time.sleep(0.05)
        raise Broken("no launch within 30 s")

    def launches(self):
        """Every launch of the one run, oldest first."""
        runs = self.answer("runs", "ls")["runs"]
        if len(runs) != 1:
            raise Broken(f"expected one run, found {len(runs)}")
        return [launch["result"] or {} for launch in self.answer("runs", "show", runs[0]["run"])["launches"]]

    def pause(self):
        """The pause of the harness, or nothing."""
        cause = f"harness:{self.harness.runner}"
        return next((pause for pause in self.answer("status")["pauses"] if pause["cause"] == cause), None)

    # -- what is true at the end

    def faults(self):
        """What is wrong with the world, whatever the scenario was about."""
        faults = []
        if self.git("rev-parse", "HEAD") != self.head or self.git("symbolic-ref", "HEAD") != "refs/heads/main":
            faults.append("HEAD moved")
        changed = set(self.git("diff", "--name-only", "HEAD").splitlines()) - EXPECTED_FILES
        if changed:
            faults.append(f"changed: {', '.join(sorted(changed))}")
        if self.git("diff", "--name-only", "--cached") and not self.harness.stages_files:
            faults.append("the index changed")
        files = self.git("ls-files", "--others", "--exclude-standard").splitlines()
        strange = [name for name in files if name not in EXPECTED_FILES and not name.startswith("millrace-agents/")]
        if strange:
            faults.append(f"in the tree: {', '.join(strange[:3])}")
        if self.call([str(self.millrace), "verify"]).returncode != 0:
            faults.append("verify finds something")
        if self.call(["git", "fsck", "--full", "--strict"]).returncode != 0:
            faults.append("git fsck finds something")
        return faults

    def where_the_key_is(self):
        """Where the key stands that somebody else could read, now or in a clone; or nothing."""
        key = KEY.encode()
        objects = subprocess.run(
            ["git", "cat-file", "--batch-all-objects", "--batch"],
            cwd=self.repository, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, check=True,
        ).stdout
        if key in objects:
            return "in an object"
        # Whole outputs are kept as they are, beside the ledger, for the user alone.
        for path in (self.repository / ".git" / "millrace").rglob("*"):
            if path.is_file() and key in plain(path.read_bytes()) and path.stat().st_mode & 0o077:
                return f"in {path.relative_to(self.repository)}, which others may read"
        return None

    def processes(self):
        """What runs in this world, but for the server: processes that carry its home in their environment, or its folder
        in their command line."""
        mark = f"HOME={self.home}\0".encode()
        server = self.serving.pid if self.serving else None
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) in (os.getpid(), server):
                continue
            try:
                with open(f"/proc/{entry}/environ", "rb") as environ:
                    carries = mark in environ.read() + b"\0"
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    state = re.sub(r"^.*\) ", "", stat.read())[:1]
                with open(f"/proc/{entry}/cmdline", "rb") as cmdline:
                    words = cmdline.read().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            if state != "Z" and (carries or f"{self.folder}/" in words):
                found[int(entry)] = words
        return found

    def end(self):
        """Ends the server, and whatever was left in this world; says what that was."""
        if self.serving:
            self.serving.terminate()
            try:
                self.serving.wait(10)
            except subprocess.TimeoutExpired:
                self.serving.kill()
                self.serving.wait()
        left = self.processes()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return [f"left running: {words[:60]}" for words in left.values()]


def plain(data):
    """What a kept stream holds."""
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
