"""Tables of commands that must be refused.

Each row is one command, the exit code it must end with and the words its one line on stderr must
have. Nothing comes on stdout. A folder with everything that was there before is compared before and
after: names, modes, sizes, contents, times. A daemon beside it can be looked at after each row.
"""

import fnmatch
import hashlib
import os
import shlex
import subprocess

from mesh import SLOW, TELEHASHD, check, run


def snapshot(folder):
    """Everything in a folder: path -> (type and mode, size, time, content)."""
    found = {}
    for where, folders, files in os.walk(folder):
        for name in folders + files + ["."]:
            path = os.path.join(where, name)
            st = os.lstat(path)
            content = None
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            found[os.path.relpath(path, folder)] = (st.st_mode, st.st_size, st.st_mtime_ns, content)
    return found


def changes(before, after, allowed):
    """What is not as it was, but for what fits a pattern of `allowed`; folders of such may change."""

    def may(path):
        return any(fnmatch.fnmatch(path, pattern) for pattern in allowed)

    def is_folder_of_allowed(path):
        return any(os.path.dirname(pattern) == path or path == "." for pattern in allowed)

    found = []
    for path in sorted(set(before) | set(after)):
        if path == "run" and path in after:  # a socket may come here and go
            continue
        if before.get(path) == after.get(path) or may(path):
            continue
        if path in before and path in after and is_folder_of_allowed(path) and before[path][3] is None:
            continue
        found.append("%s was %s and is %s" % (path, before.get(path), after.get(path)))
    return found


class Steady:
    """A daemon that no row may disturb: it answers after each, and what it has and keeps is as before."""

    def __init__(self, node, is_alone=True):
        self.node = node
        self.is_alone = is_alone  # nobody else makes it save anything
        self.before = self.look()

    def look(self):
        with self.node.rpc() as rpc:
            status = rpc.call("status")
            return {
                "status": {key: status[key] for key in ("hashname", "listen", "advertised", "mapped", "version")},
                "seeds": rpc.call("seeds.list"),
                "servers": [(row["name"], row["state"] == "suspended", row["restarts"]) for row in rpc.call("servers")],
                "folder": snapshot(self.node.state) if self.is_alone else {},
            }

    def changed(self):
        """What is not as it was; a daemon that does not answer any more fails at once."""
        now = self.look()
        found = ["its %s was %s and is %s" % (key, self.before[key], now[key]) for key in now if now[key] != self.before[key]]
        self.before = now  # each row is blamed for its own
        return found


class Table:
    """Runs rows and collects what is wrong, so that one run shows every row that fails."""

    def __init__(self, steady=None, **places):
        self.folder = places["folder"]
        self.places = places
        self.steady = steady
        self.rows = 0
        self.wrong = []

    def words(self, text):
        return [word.format_map(self.places) for word in shlex.split(text)]

    def row(self, code, command, *words, allowed=(), env=None, program=TELEHASHD, name=None):
        self.rows += 1
        command = command if isinstance(command, list) else self.words(command)
        words = [word.format_map(self.places) for word in words]
        before = snapshot(self.folder)
        say = lambda what: self.wrong.append(
            "%s %s: %s" % (os.path.basename(program), name or " ".join(command)[-120:], what)
        )
        try:
            ended = run([program] + command, timeout=20 * SLOW, env=dict(os.environ, **(env or {})))
        except subprocess.TimeoutExpired as late:
            say("does not end; it said %r" % (late.stderr,))
            return ""
        said = ended.stderr
        if ended.returncode != code:
            say("exit %d, not %d: %s" % (ended.returncode, code, said.strip()))
        if said.count("\n") != 1 or not said.endswith("\n"):
            say("not one line: %r" % said)
        if not said.startswith(os.path.basename(program) + ": "):
            say("does not say who speaks: %r" % said)
        for word in words:
            if word not in said:
                say("does not say %r: %r" % (word, said))
        if ended.stdout:
            say("on stdout: %r" % ended.stdout)
        for what in changes(before, snapshot(self.folder), allowed):
            say(what)
        for what in self.steady.changed() if self.steady else []:
            say(what)
        return said

    def end(self):
        print("        %d rows" % self.rows)
        check(not self.wrong, "%d things are wrong:\n    %s" % (len(self.wrong), "\n    ".join(self.wrong)))


def put(path, content, mode=0o600):
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, mode)
