"""The real programs: where they come from, and the tables and variables by which they work offline."""
import json
import os
import shutil
import subprocess
from pathlib import Path

VERSIONS = {
    "codex": ("@openai/codex", "0.169.0"),
    "claude": ("@anthropic-ai/claude-code", "2.1.330"),
}
# What a provider key looks like to the programs. It must never be found in what the runtime keeps.
KEY = "dummy-key-4f1c0d9e7a"


class Missing(Exception):
    """A program that cannot be had."""


def toml(value):
    """A text, a number or a list of texts as TOML: JSON's form is the same for these."""
    return json.dumps(value)


def install(folder):
    """Installs what `folder` does not have yet, and gives the path of each program by its name."""
    binaries = folder / "node_modules" / ".bin"
    wanted = [f"{package}@{version}" for name, (package, version) in VERSIONS.items() if not version_of(binaries / name)]
    if wanted:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *wanted]
        done = run(command)
        if done.returncode != 0:
            raise Missing(f"cannot install {' '.join(wanted)}: {last_line(done)}")
    # npm may be told not to run the scripts of packages; this one puts the native binary into its place.
    script = folder / "node_modules" / "@anthropic-ai" / "claude-code" / "install.cjs"
    if not version_of(binaries / "claude") and script.is_file():
        run(["node", script.name], cwd=script.parent)
    for name, (_, version) in VERSIONS.items():
        found = version_of(binaries / name)
        if version not in found:
            raise Missing(f"{binaries / name}: expected version {version}, found '{found}'")
    return {name: binaries / name for name in VERSIONS}


def version_of(program):
    """What a program says of its version; empty where it does not run."""
    if not os.access(program, os.X_OK):
        return ""
    done = run([str(program), "--version"])
    return done.stdout.strip() if done.returncode == 0 else ""


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **options)


def last_line(done):
    lines = (done.stderr or done.stdout or "").strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


class Program:
    """A harness as it is installed, and its table in a configuration."""

    tells_cost = False
    stages_files = False

    def __init__(self, program):
        self.program = program

    def table(self, name, level, program, lines, variables=()):
        """The table `[runners.NAME]`, and what its environment is set to."""
        keys = [f"command = {toml(str(program or self.program))}", f"permission_default = {toml(level)}", *lines]
        settings = [f"{variable} = {toml(value)}" for variable, value in dict(variables).items()]
        return "\n".join([f"[runners.{name}]", *keys, "", *([f"[runners.{name}.env]", *settings, ""] if settings else [])])


class Codex(Program):
    """OpenAI Codex CLI."""

    name = "codex"
    runner = "codex_cli"
    model = "scripted-model"

    def environment(self, home):
        codex_home = home / ".codex"
        codex_home.mkdir(parents=True)
        return {"CODEX_HOME": str(codex_home), "SCRIPTED_KEY": KEY}

    def configuration(self, port, level, program=None, retries=0, lines=()):
        """Its tables: no word to anybody but the scripted provider, and no patience of its own but `retries`."""
        provider = "model_providers.scripted"
        items = [
            "analytics.enabled=false",
            "check_for_update_on_startup=false",
            "model_provider=scripted",
            f"{provider}.name=scripted",
            f"{provider}.base_url=http://127.0.0.1:{port}/v1",
            f"{provider}.wire_api=responses",
            f"{provider}.env_key=SCRIPTED_KEY",
            f"{provider}.request_max_retries={retries}",
            f"{provider}.stream_max_retries={retries}",
        ]
        arguments = ["exec", "--disable", "unbounded_connection_retries", "--disable", "plugins"]
        own = [f"args = {toml(arguments)}", 'env_pass = ["SCRIPTED_KEY"]', f"extra_config = {toml(items)}"]
        return self.table("codex", level, program, [*own, *lines])


class Claude(Program):
    """Anthropic Claude Code."""

    name = "claude"
    runner = "claude_code"
    model = "claude-sonnet-4-5"
    tells_cost = True

    def environment(self, home):
        del home
        return {"ANTHROPIC_API_KEY": KEY}

    def configuration(self, port, level, program=None, retries=0, lines=(), sandbox=True):
        """Its tables: as those of Codex."""
        variables = {
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}",
            "CLAUDE_CODE_MAX_RETRIES": str(retries),
            "DISABLE_TELEMETRY": "1",
        }
        # As root it takes its highest level only where it is told that the machine is a sandbox.
        if sandbox:
            variables["IS_SANDBOX"] = "1"
        return self.table("claude_code", level, program, lines, variables)


class Aider(Program):
    """aider, where it is there already: it is no part of what is installed here."""

    name = "aider"
    runner = "aider"
    model = "openai/scripted-model"
    # It adds the files that it makes to the user's index, whatever it is told of commits.
    stages_files = True

    @staticmethod
    def find(folder):
        """The program in a virtual environment beside the others, or on the path."""
        beside = folder / "venv" / "bin" / "aider"
        return beside if beside.is_file() else shutil.which("aider")

    def environment(self, home):
        del home
        return {"OPENAI_API_KEY": KEY}

    def configuration(self, port, level, program=None, retries=0, lines=()):
        """Its tables. It has a patience of its own, which nothing turns down."""
        del retries
        return self.table("aider", level, program, lines, {"OPENAI_API_BASE": f"http://127.0.0.1:{port}/v1"})


def target_folder(project):
    """Where cargo puts what it builds."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or project / "target")
