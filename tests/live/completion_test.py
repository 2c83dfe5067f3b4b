"""Completion in bash, zsh and fish: what the shells offer is what the programs say, and what runs."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

from mesh import BUILD, SLOW, Failure, Mesh, check, main, test

PATH = {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"], "HOME": "/nonexistent", "TELEHASH_SOCKET": ""}
NO_DAEMON = "/nonexistent/telehashd.sock"


def script(program, shell):
    return os.path.join(BUILD, "completion", "%s.%s" % (program, shell))


def has(shell):
    try:
        return subprocess.run([shell, "-c", "true"], env=PATH, stdout=subprocess.DEVNULL).returncode == 0
    except OSError:
        print("        left out: there is no %s" % shell)
        return False


def said(program, *words):
    """What the program says, without what it says of each."""
    done = subprocess.run([os.path.join(BUILD, program), "__complete", *words], env=PATH, capture_output=True, text=True)
    check(done.returncode == 0 and done.stderr == "", "%s %s: %s" % (program, words, done))
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def bash(*words):
    program = words[0].replace("-", "_")
    run = 'source "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _%s && printf "%%s\\n" "${COMPREPLY[@]}"' % program
    done = subprocess.run(["bash", "--norc", "-c", run, script(words[0], "bash"), *words], env=PATH, capture_output=True, text=True)
    check(done.stderr == "", "bash: %s" % done.stderr)
    return done.stdout.split()


def fish(line, program="thctl"):
    run = "source %s; complete -C '%s'" % (script(program, "fish"), line)
    done = subprocess.run(["fish", "--no-config", "-c", run], env={**PATH, "XDG_CONFIG_HOME": "/tmp", "HOME": "/tmp"}, capture_output=True, text=True)
    return [offer.split("\t")[0] for offer in done.stdout.splitlines()]


class Terminal:
    """A zsh as a person has it, at a terminal."""

    def __init__(self, folder):
        pid, self.fd = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))  # no line is broken
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**PATH, "TERM": "dumb", "HOME": folder})
        self.pid, self.text = pid, ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def wait_for(self, *words):
        deadline = time.monotonic() + 30 * SLOW
        while not all(word in self.text for word in words):
            if time.monotonic() > deadline or not select.select([self.fd], [], [], 30 * SLOW)[0]:
                raise Failure("zsh did not say %s but: %r" % (words, self.text))
            self.text += os.read(self.fd, 65536).decode(errors="replace")
        self.text = ""


def zsh(folder):
    """A terminal whose zsh has taken in our completion."""
    for program in ("thctl", "telehashd"):
        os.symlink(script(program, "zsh"), os.path.join(folder, "_" + program))
    terminal = Terminal(folder)
    terminal.type("unsetopt zle_bracketed_paste; PS1=; fpath=(%s $fpath); autoload -Uz compinit && compinit -u -D; LISTMAX=1000; echo rea''dy\r" % folder)
    terminal.wait_for("ready")
    return terminal


@test
def commands_flags_and_fixed_values_are_offered():
    check(said("thctl", "se") == ["seek", "servers", "seeds"], said("thctl", "se"))
    check(said("thctl", "seeds", "") == ["export", "list", "add", "remove"], said("thctl", "seeds", ""))
    check("listen" in said("thctl", "--socket", NO_DAEMON, "pipe", ""), "pipe has no listen")
    check(said("thctl", "log", "--level", "") == ["error", "warn", "info", "debug"], "levels")
    check(said("thctl", "log", "--level=d") == ["--level=debug"], "joined level")
    check("--kind" in said("thctl", "watch", "") and "--kind" not in said("thctl", "peers", "-"), "filters")
    check("-c" in said("thctl", "ping", "-") and "-c" not in said("thctl", "seek", "-"), "flags of ping")
    check(said("thctl", "nonsense", "") == [] and said("thctl", "status", "") == [], "offers where nothing may follow")
    check(said("thctl", "--socket", "") == [":file"] and said("telehashd", "--state-dir", "") == [":folder"], "files")
    check(said("telehashd", "--log-f") == ["--log-format"], "a flag of telehashd")
    check(said("telehashd", "--log-format", "j") == ["json"], "a value of telehashd")
    check("churn" in said("thsim", "run", "--scenario", "c") and said("thsim", "sw") == ["swarm"], "thsim")
    check(said("thbench", "m") == ["memory"], "thbench")
    for words in ((), ("",), ("--",), ("-",), ("--level",), ("=",), ("watch", "--is=a=b=c"), ("x" * 4000, "y")):
        said("thctl", "--socket", NO_DAEMON, *words)


@test
def live_peers_servers_and_seeds_are_offered():
    with Mesh() as mesh:
        seed = mesh.node("seed").start()
        node = mesh.node("node", "--seeds", seed.export_seeds()).start()
        mesh.wait_ready([node], 20 * SLOW)
        at = ("--socket", node.socket)
        check(said("thctl", *at, "ping", "") == [seed.hashname], "no live peer")
        check(said("thctl", *at, "ping", seed.hashname[:3]) == [seed.hashname], "no live peer by its beginning")
        check(said("thctl", "--socket=" + node.socket, "watch", "--peer", "") == [seed.hashname], "no prefix")
        check({"switch", "dialer", "router"} <= set(said("thctl", *at, "trace", "")), "no servers")
        check(said("thctl", *at, "seeds", "remove", "") == [seed.hashname], "no seed")
        check("dialer" in said("thctl", *at, "log", "--topic", "d"), "no topic")
        check(bash("thctl", *at, "connect", "") == [seed.hashname], "bash shows no live peer")
        for shell in (fish,) if has("fish") else ():
            check(shell("thctl --socket %s ping " % node.socket) == [seed.hashname], "fish shows no live peer")
        if has("zsh"):
            with zsh(mesh.folder) as terminal:
                terminal.type("thctl --socket %s ping \t" % node.socket)
                terminal.wait_for(seed.hashname)


@test
def bash_offers_what_the_programs_say():
    check(bash("thctl", "se") == said("thctl", "se"), bash("thctl", "se"))
    check(bash("thctl", "log", "--level", "=", "d") == ["debug"], "what bash makes of --level=d")
    check(bash("thctl", "log", "--level", "=") == ["error", "warn", "info", "debug"], "what bash makes of --level=")
    check(bash("telehashd", "--state-dir", "/et") == ["/etc"], bash("telehashd", "--state-dir", "/et"))
    check(bash("telehashd", "--log") == ["--log-level", "--log-format"], bash("telehashd", "--log"))
    check(bash("thbench", "--r") == ["--rounds"] and bash("thsim", "re") == ["replay", "report"], "thbench, thsim")


@test
def zsh_offers_what_the_programs_say():
    if not has("zsh"):
        return
    with Mesh() as mesh, zsh(mesh.folder) as terminal:
        terminal.type("thctl se\t\t")
        terminal.wait_for("seek", "servers", "look a hashname up")
        terminal.type("\x15thctl log --level \t\t")
        terminal.wait_for("error", "warn", "info", "debug")
        terminal.type("\x15telehashd --log-f\t")
        terminal.wait_for("--log-format")
        terminal.type("\x15telehashd --state-dir /et\t")
        terminal.wait_for("c/")  # what was added


@test
def fish_offers_what_the_programs_say():
    if not has("fish"):
        return
    check(sorted(fish("thctl se")) == sorted(said("thctl", "se")), fish("thctl se"))
    check(sorted(fish("thctl log --level ")) == ["debug", "error", "info", "warn"], fish("thctl log --level "))
    check(fish("telehashd --log-f", "telehashd") == ["--log-format"], fish("telehashd --log-f", "telehashd"))
    check("/etc/" in fish("telehashd --state-dir /et", "telehashd"), fish("telehashd --state-dir /et", "telehashd"))


# A shell whose program is not there offers nothing, which would read as a fault of the completion.
NEEDED = [os.path.join(BUILD, name) for name in ("thctl", "telehashd", "thsim", "thbench")]
NEEDED += [script(program, shell) for program in ("thctl", "telehashd") for shell in ("bash", "zsh", "fish")]
NEEDED += [script(program, "bash") for program in ("thsim", "thbench")]
missing = [path for path in NEEDED if not os.path.exists(path)]
if missing:
    sys.exit("not built: %s; cmake --build %s --target programs makes all" % (", ".join(missing), BUILD))
main()
