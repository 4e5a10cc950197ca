"""The scenarios. Each one says what the model does, plays it through the shipped adapter, and tells in a few words what
came of it; those words are compared with what is expected."""
import json
import os
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Callable

from real_harnesses.programs import KEY
from real_harnesses.world import LONGEST_SECONDS

ALL = []


@dataclass
class Scenario:
    """One row of the table, for each harness that it is about."""

    name: str
    # One text for Codex and Claude, or a text for each harness that the scenario is about.
    expected: object
    play: Callable
    level: str = "maximum"
    builder_seconds: int = 120
    # Only root sees it.
    root: bool = False

    def expects(self, harness):
        """What is expected of this harness; nothing where the scenario is not about it, or not about this user."""
        if self.root and os.geteuid() != 0:
            return None
        both = {"codex": self.expected, "claude": self.expected}
        return (both if isinstance(self.expected, str) else self.expected).get(harness.name)


def scenario(name, expected, **options):
    """Takes a function in as a scenario."""

    def take(play):
        ALL.append(Scenario(name, expected, play, **options))
        return play

    return take


# -- what the model does

FOREVER = 2 * LONGEST_SECONDS
WORK = "echo hello > greeting.txt"


def report(result):
    """A command that writes the stage's result file."""
    text = '{"nonce": "%s", "terminal_result": "' + result + '", "summary": "As asked."}'
    return f"printf '{text}' \"$MILLRACE_INVOCATION\" > \"$MILLRACE_RESULT_FILE\""


def says(result, before="All is done."):
    """A last message that ends with a marker."""
    return {"text": f"{before}\n\n### {result}"}


def does(command):
    """A command that the model runs with the harness's own shell tool."""
    return {"shell": command, "text": "I run a command."}


def error(status, kind, code, message, **headers):
    """An answer that is none. Both providers' forms are in it, each harness reads its own."""
    body = {"type": "error", "error": {"type": kind, "code": code, "message": message}}
    return {"status": status, "body": body, "headers": headers}


def model(*builder, asked=()):
    """A script: what the builder does, what it does when it is asked for its result, and checker and updater as they
    should be."""
    rules = [
        {"name": "builder", "match": "Stage: execution/builder", "turns": list(builder)},
        {"name": "checker", "match": "Stage: execution/checker", "turns": [
            does(f"grep -q hello greeting.txt && {report('CHECKER_PASS')}"), says("CHECKER_PASS")]},
        {"name": "updater", "match": "Stage: execution/updater", "turns": [says("UPDATE_COMPLETE")]},
    ]
    if asked:
        rules.insert(0, {"name": "asked", "match": ASKED, "turns": list(asked)})
    return {"rules": rules, "default": {"turns": [{"text": "### BLOCKED"}]}}


# How the prompt of a stage that is asked for its result begins.
ASKED = "You ended without reporting"
GOOD = (does(WORK), says("BUILDER_COMPLETE"))


# -- what came of it

def judged(launch):
    """A launch in a few words."""
    judgement = launch.get("judgement")
    if not judgement:
        return "no result"
    kind = judgement["judgement"]
    if kind == "reported":
        words = f"{judgement['result']} by {judgement['channel']}"
        denied = [note for note in judgement.get("notes", []) if note.startswith("denied")]
        return f"{words}, denied" if denied else words
    if kind == "failed":
        return judgement["class"]
    if kind == "infrastructure":
        again = launch["next"] == launch["stage"]
        return judgement["class"] + ("" if again else f", but next is {launch['next']}")
    return kind


def one_stage(world):
    """Runs the builder once."""
    world.stage()
    return judged(world.launches()[-1])


def outage(world):
    """Runs the builder once; an outage rests the harness, and its item keeps its place."""
    words = one_stage(world)
    pause = world.pause()
    if not pause:
        return words
    if not str(pause["detail"]).startswith(words):
        words += f" (the pause says {pause['detail'][:40]})"
    return f"{words}, rests {rest(pause)}"


def rest(pause):
    """How long a harness rests, in words."""
    return f"{round(seconds(pause['since'], pause['until']) / 60)} min"


def seconds(since, until):
    """From one of the runtime's moments to another."""
    since, until = (datetime.fromisoformat(moment.replace("Z", "+00:00")) for moment in (since, until))
    return (until - since).total_seconds()


def done(world):
    """Goes on until nothing is ready; says whether the task is done, and by which results."""
    world.until_idle()
    reported = [launch["judgement"]["result"] for launch in world.launches() if launch["judgement"]["judgement"] == "reported"]
    if not world.git("ls-tree", "-r", "--name-only", "refs/millrace/state", "tasks/done"):
        return f"not done: {', '.join(reported) or 'nothing'} was reported"
    return "done" if reported == ["BUILDER_COMPLETE", "CHECKER_PASS", "UPDATE_COMPLETE"] else f"done by {', '.join(reported)}"


# -- the task, and what ends well

@scenario("one task", "done, usage told")
def one_task(world):
    world.serve(model(does(f"{WORK} && {report('BUILDER_COMPLETE')}"), says("BUILDER_COMPLETE")))
    world.start()
    words = done(world)
    branch = world.git("for-each-ref", "--format=%(refname)", "refs/millrace/runs")
    if world.git("show", f"{branch}:greeting.txt", check=False) != "hello":
        return f"{words}, but the run branch has no greeting"
    usages = [launch.get("usage") or {} for launch in world.launches()]
    for usage in usages:
        if not (usage.get("input_uncached") and usage.get("output")):
            return f"{words}, usage unknown: {json.dumps(usages)[:80]}"
        if world.harness.tells_cost and not usage.get("cost"):
            return f"{words}, cost unknown"
    return f"{words}, usage told"


@scenario("prompt of 400 kB", "BUILDER_COMPLETE by marker, 400 kB arrived")
def long_prompt(world):
    """A prompt names each skill of its stage by its whole path: many of them, deep down, make a long prompt."""
    world.serve(model(*GOOD))
    world.move(world.folder.joinpath(*[f"a-folder-{'x' * 180}"] * 8))
    agents = world.repository / "millrace-agents"
    paths = [f"skills/{number:03}-{'x' * 200}/SKILL.md" for number in range(240)]
    for path in paths:
        (agents / path).parent.mkdir(parents=True)
        (agents / path).write_text("Be brief.\n")
    (agents / "modes").mkdir()
    (agents / "modes" / "long.yaml").write_text(
        "mode_id: long\nexecution_loop_id: execution.standard\nplanning_loop_id: planning.standard\n"
        "stage_entrypoint_overrides: {}\nstage_model_bindings: {}\nstage_runner_bindings: {}\n"
        f"stage_skill_additions:\n  builder: {json.dumps(paths)}\n"
    )
    world.start(mode="long")
    words = one_stage(world)
    longest = max(len(json.dumps(body)) for body in world.asked())
    return f"{words}, 400 kB arrived" if longest > 400_000 else f"{words}, {longest} bytes arrived"


@scenario("one 500, then an answer", {"codex": "BUILDER_COMPLETE by marker", "claude": "BUILDER_COMPLETE by marker"})
def absorbed(world):
    """What the harness gets over by itself is no outage."""
    world.serve(model({**error(500, "server_error", None, "Try again."), "times": 1}, *GOOD))
    world.start(retries=3)
    return one_stage(world)


# -- outages: the harness rests, the item keeps its place

@scenario("429, then recovery", "rate_limit, rests 5 min; then done")
def recovery(world):
    """The probe is brought forward by the operator; the outage has cost the item nothing."""
    world.serve(model(error(429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached.")))
    world.start()
    words = outage(world)
    world.rewrite(model(*GOOD))
    world.command("resume", "--cause", f"harness:{world.harness.runner}")
    return f"{words}; then {done(world)}"


@scenario("429 with a time", "rate_limit; then done, after the named time")
def named_time(world):
    """The harness rests until the time that its provider names, and goes on by itself."""
    message = "Rate limit reached for this model. Please try again in 65s."
    in_stream = {"fail": {"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": message}}
    refused = error(429, "rate_limit_error", "rate_limit_exceeded", message)
    # Codex tells the provider's words only where they come within a stream.
    fault = in_stream if world.harness.name == "codex" else refused
    world.serve(model({**fault, "times": 1}, *GOOD))
    world.start()
    words = one_stage(world)
    pause = world.pause()
    if not pause or seconds(pause["since"], pause["until"]) > 100:
        return f"{words}, rests {rest(pause) if pause else 'not at all'}"
    world.command("run", "daemon", "--max-ticks", "3", allow=(0, 1, 6))
    first, second = world.launches()[:2]
    waited = seconds(first["ended_at"], second["started_at"])
    when = "after the named time" if 60 <= waited <= 100 else f"after {waited:.0f} s"
    return f"{words}; then {done(world)}, {when}"


@scenario("401", "auth, rests 5 min")
def bad_key(world):
    world.serve(model(error(401, "authentication_error", "invalid_api_key", "invalid x-api-key")))
    world.start()
    return outage(world)


@scenario("403", "auth, rests 5 min")
def forbidden(world):
    world.serve(model(error(403, "permission_error", "forbidden", "Not with this key.")))
    world.start()
    return outage(world)


@scenario("no key", {"codex": "configuration, rests 5 min", "claude": "auth, rests 5 min"})
def no_key(world):
    for name in [name for name, value in world.environment.items() if value == KEY]:
        del world.environment[name]
    world.serve(model(*GOOD))
    world.start()
    return outage(world)


@scenario("quota", "quota, rests 5 min")
def quota(world):
    message = "You exceeded your current quota, please check your plan and billing details."
    world.serve(model(error(429, "insufficient_quota", "insufficient_quota", message)))
    world.start()
    return outage(world)


@scenario("500s", "server, rests 5 min")
def server_errors(world):
    world.serve(model(error(500, "api_error", None, "Internal server error")))
    world.start()
    return outage(world)


@scenario("529", "server, rests 5 min")
def overloaded(world):
    world.serve(model(error(529, "overloaded_error", None, "Overloaded")))
    world.start()
    return outage(world)


@scenario("cut stream", "network, rests 5 min")
def cut_stream(world):
    world.serve(model({"drop": True, "text": "I begin."}))
    world.start()
    return outage(world)


@scenario("nobody listens", "network, rests 5 min")
def unreachable(world):
    world.serve(model(*GOOD))
    world.serving.terminate()
    world.serving.wait()
    world.start()
    return outage(world)


@scenario("unknown model", "bad_model, rests 5 min")
def unknown_model(world):
    world.serve(model(*GOOD), models="another-model")
    world.start()
    return outage(world)


@scenario("missing program", "missing_program, rests 5 min")
def missing_program(world):
    world.serve(model(*GOOD))
    world.start(program=world.folder / "no-such-program")
    return outage(world)


# -- what ends badly

@scenario("hang", "runner_timeout", builder_seconds=8)
def hang(world):
    """No answer at all: the wall-clock limit ends the stage."""
    world.serve(model({"delay": FOREVER, "text": "Late."}))
    world.start()
    return one_stage(world)


@scenario("silent stream", "runner_timeout")
def silent(world):
    """An answer that begins and never goes on: the limit on silence ends the stage."""
    world.serve(model({"hang": FOREVER, "text": "Late."}))
    world.start(silence=6)
    return one_stage(world)


@scenario("hang after the report", "BUILDER_COMPLETE by result_file", builder_seconds=12)
def late_hang(world):
    """What had been reported before the limit counts."""
    world.serve(model(does(f"{WORK} && {report('BUILDER_COMPLETE')}"), {"delay": FOREVER, "text": "Late."}))
    world.start()
    return one_stage(world)


@scenario("context overflow", "context_overflow")
def context_overflow(world):
    if world.harness.name == "claude":
        refused = error(400, "invalid_request_error", None, "prompt is too long: 250000 tokens > 200000 maximum")
    else:
        message = "Your input exceeds the context window of this model."
        refused = error(400, "invalid_request_error", "context_length_exceeded", message)
    world.serve(model(refused))
    world.start()
    return one_stage(world)


@scenario("a request refused", "provider_failure")
def bad_request(world):
    world.serve(model(error(400, "invalid_request_error", "invalid_value", "There is no such parameter.")))
    world.start()
    return one_stage(world)


@scenario("two markers", "conflicting_terminal_results")
def two_markers(world):
    world.serve(model(does(WORK), {"text": "### BLOCKED\n\nOr rather:\n\n### BUILDER_COMPLETE"}))
    world.start()
    return one_stage(world)


@scenario("file against marker", "conflicting_terminal_results")
def disagreement(world):
    world.serve(model(does(f"{WORK} && {report('BUILDER_COMPLETE')}"), says("BLOCKED")))
    world.start()
    return one_stage(world)


@scenario("result of another stage", "illegal_terminal_result")
def foreign_marker(world):
    world.serve(model(does(WORK), says("CHECKER_PASS")))
    world.start()
    return one_stage(world)


# -- asked for its result

@scenario("marker only in an early message", "missing_terminal_result; asked: BUILDER_COMPLETE by marker; then done")
def early_marker(world):
    """Only the last message counts; the same session is asked once for its result."""
    early = {"text": "### BUILDER_COMPLETE", "shell": WORK}
    world.serve(model(early, {"text": "That should be all."}, asked=[says("BUILDER_COMPLETE", "I had forgotten.")]))
    world.start()
    words = one_stage(world)
    again = one_stage(world)
    resumed = [body for body in world.asked() if "That should be all." in json.dumps(body)]
    if not resumed:
        again += ", in a new session"
    usage = world.launches()[-1].get("usage") or {}
    charged = sum(usage.get(key) or 0 for key in ("input_uncached", "cache_read", "cache_write"))
    # The second launch made one request; what the session had used before is not charged again.
    used = world.tokens_of_last_request()
    if abs(charged - used) > used // 10:
        again += f", charged {charged} tokens for {used}"
    return f"{words}; asked: {again}; then {done(world)}"


@scenario("asked in vain", "missing_terminal_result; asked: missing_terminal_result; then execution/troubleshooter")
def asked_in_vain(world):
    """It is asked once and no more."""
    world.serve(model(does(WORK), {"text": "That should be all."}, asked=[{"text": "I have said all."}]))
    world.start()
    words = one_stage(world)
    again = one_stage(world)
    return f"{words}; asked: {again}; then {world.launches()[-1]['next']}"


# -- what a level lets a stage do

@scenario("basic: tools denied", {
    "codex": "BUILDER_COMPLETE by fenced_json, nothing written",
    "claude": "BUILDER_COMPLETE by fenced_json, denied, nothing written",
}, level="basic")
def basic(world):
    text = json.dumps({"terminal_result": "BUILDER_COMPLETE", "summary": "As far as it went."})
    turns = [{"write": {"path": str(world.repository / "greeting.txt"), "content": "hello"}}, does(WORK)]
    world.serve(model(*turns, {"text": f"I may not write here.\n\n```json\n{text}\n```"}))
    world.start()
    words = one_stage(world)
    written = (world.repository / "greeting.txt").exists()
    return f"{words}, {'written' if written else 'nothing written'}"


@scenario("elevated: outside denied", {
    "codex": "BUILDER_COMPLETE by result_file, inside only",
    "claude": "BUILDER_COMPLETE by result_file, denied, inside only",
}, level="elevated")
def elevated(world):
    """It writes in the work tree, stages and reports; what lies elsewhere it does not write."""
    # Not below the folder for temporary files, where Codex lets its tools write.
    outside = f"/var/tmp/{world.folder.name}-{os.getpid()}"
    if world.harness.name == "claude":
        first = {"write": {"path": outside, "content": "hello"}}
    else:
        first = does(f"echo hello > {outside}")
    world.serve(model(first, does(f"{WORK} && git add --intent-to-add greeting.txt && git reset --quiet && {report('BUILDER_COMPLETE')}"),
                      says("BUILDER_COMPLETE")))
    world.start()
    words = one_stage(world)
    inside = (world.repository / "greeting.txt").exists()
    if os.path.exists(outside):
        os.unlink(outside)
        return f"{words}, outside too"
    return f"{words}, {'inside only' if inside else 'nothing written'}"


@scenario("as root without a word of it", {"claude": "posture, nothing launched"}, root=True)
def as_root(world):
    """Claude refuses its highest level as root; that is said before anything is launched."""
    world.serve(model(*GOOD))
    world.start(sandbox=False)
    answer = world.stage()
    status = world.answer("status")
    words = "posture" if "posture" in json.dumps([answer, status]) else "no word of it"
    return f"{words}, {'something' if world.answer('runs', 'ls')['runs'] else 'nothing'} launched"


# -- processes and secrets

@scenario("children of their own session", "BUILDER_COMPLETE by marker, found and ended")
def children(world):
    """What a tool leaves behind in sessions of its own, also without its environment, does not outlive its stage."""
    world.serve(model(does(f"{stragglers(world)} {WORK}"), says("BUILDER_COMPLETE")))
    world.start()
    words = one_stage(world)
    told = any("left behind" in finding for finding in world.launches()[-1].get("findings", []))
    if world.processes():
        return f"{words}, {len(world.processes())} run on"
    return f"{words}, found and ended" if told else f"{words}, none found"


@scenario("children when the limit ends it", "runner_timeout, ended", builder_seconds=10)
def children_at_the_limit(world):
    world.serve(model(does(f"{stragglers(world)} sleep 400"), says("BUILDER_COMPLETE")))
    world.start()
    words = one_stage(world)
    return f"{words}, {len(world.processes())} run on" if world.processes() else f"{words}, ended"


def stragglers(world):
    """A command that starts what is to outlive it."""
    sleep = f"sh -c 'sleep 400; : {world.folder}/'"
    ways = [
        f"setsid {sleep}",
        f"nohup {sleep}",
        f"setsid sh -c \"setsid {sleep} & sleep 400\"",
        f"env -i PATH=/usr/bin:/bin setsid {sleep}",
    ]
    return " ".join(f"({way} >/dev/null 2>&1 &) ;" for way in ways)


@scenario("a tool prints the key", "BUILDER_COMPLETE by marker, in no object")
def prints_key(world):
    """A key that a tool prints is in nothing that can be pushed."""
    world.serve(model(does(f"{WORK}; env | grep dummy-key"), says("BUILDER_COMPLETE", f"The key is {KEY}.")))
    world.start()
    words = one_stage(world)
    return f"{words}, {world.where_the_key_is() or 'in no object'}"


# -- aider, which runs no commands and tells its text to people

@scenario("an edit and a report", {"aider": "BUILDER_COMPLETE by result_file"})
def edits(world):
    """It reports by an edit of the result file; its model has to know the nonce, which is in its prompt."""
    world.serve(model(error(500, "server_error", None, "Not yet.")))
    world.start()

    def answer():
        request = world.await_request()
        result = {"nonce": request["nonce"], "terminal_result": "BUILDER_COMPLETE", "summary": "As asked."}
        files = {"greeting.txt": "hello", request["result_file"]: json.dumps(result)}
        # Four marks: what it was given to read holds three.
        edits = "\n\n".join(f"{name}\n````\n{text}\n````" for name, text in files.items())
        world.rewrite(model({"text": f"I write both.\n\n{edits}\n\n### BUILDER_COMPLETE"}))

    answering = threading.Thread(target=answer, daemon=True)
    answering.start()
    return one_stage(world)


@scenario("a bad key", {"aider": "missing_terminal_result"})
def edits_nothing(world):
    """It ends with 0 whatever happens: all there is to see is that nothing was reported."""
    world.serve(model(error(401, "authentication_error", "invalid_api_key", "invalid key")))
    world.start()
    return one_stage(world)
