#!/usr/bin/env python3
"""The library as a program outside the tree finds it: installed, by pkg-config, from C."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TH_BUILD", os.path.join(ROOT, "build", "dev"))

PROGRAM = r"""
#include <stdio.h>
#include <string.h>
#include <telehash/telehash.h>

static uv_loop_t loop;
static int is_ready, is_connected, closed;

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    (void)node;
    (void)data;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        is_ready = 1;
}

static void on_connect(struct th_node *node, enum th_err result, const char *hashname, void *data)
{
    (void)node;
    (void)hashname;
    (void)data;
    printf("connected: %s\n", th_strerror(result));
    is_connected = 1;
}

static void on_closed(void *data)
{
    (void)data;
    closed++;
}

static struct th_node *start(const char *seeds, th_node_event_fn on)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct th_node_options options;
    struct th_node *node = NULL;

    th_node_options_init(&options, sizeof options);
    options.listen = listen;
    options.listen_count = 1;
    options.seeds = seeds;
    options.seeds_len = seeds ? strlen(seeds) : 0;
    if (th_node_new(&node, &options) != TH_OK || th_node_start(node, &loop, on, NULL) != TH_OK)
        return NULL;
    return node;
}

int main(void)
{
    char entry[4096];
    size_t len = sizeof entry;
    struct th_node *first, *second;

    uv_loop_init(&loop);
    first = start(NULL, NULL);
    if (first == NULL || th_node_seeds_entry(first, entry, &len) != TH_OK)
        return 2;
    second = start(entry, on_event);
    if (second == NULL)
        return 3;
    while (!is_ready)
        uv_run(&loop, UV_RUN_ONCE);
    if (th_node_connect(second, th_node_hashname(first), 0, on_connect, NULL) != TH_OK)
        return 4;
    while (!is_connected)
        uv_run(&loop, UV_RUN_ONCE);
    th_node_close(first, on_closed, NULL);
    th_node_close(second, on_closed, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return closed == 2 && uv_loop_close(&loop) == 0 ? 0 : 5;
}
"""


def run(*command, **more):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **more).stdout


def is_sanitized():
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as cache:
        return re.search(r"^TH_SANITIZE:\w+=.+$", cache.read(), re.M)


def public_functions():
    with open(os.path.join(ROOT, "router", "telehash.h"), encoding="utf-8") as header:
        return sorted(re.findall(r"^TH_API [^(]*?(th_\w+)\(", header.read(), re.M))


def exported(library):
    lines = run("nm", "-D", "--defined-only", library).splitlines()
    return sorted(line.split()[-1] for line in lines)


def install(prefix):
    """The programs go along; ctest had them built."""
    run("cmake", "--build", BUILD, "--target", "telehash_shared", "telehash_static")
    run("cmake", "--install", BUILD, "--prefix", prefix)


def find_folder(prefix, name):
    for folder, _, files in os.walk(prefix):
        if name in files:
            return folder
    raise AssertionError(f"{name} was not installed")


def main():
    if is_sanitized():
        print("skipped: a program outside would have to know of the sanitizer")
        return 77
    if not shutil.which("pkg-config") or not shutil.which("nm") or not shutil.which("cc"):
        print("skipped: needs cc, nm and pkg-config")
        return 77

    with tempfile.TemporaryDirectory() as folder:
        prefix = os.path.join(folder, "prefix")
        install(prefix)
        libraries = find_folder(prefix, "libtelehash.so")
        assert exported(os.path.join(libraries, "libtelehash.so")) == public_functions()
        headers = os.listdir(os.path.join(prefix, "include", "telehash"))
        assert headers == ["telehash.h"], headers

        source = os.path.join(folder, "program.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        environment = dict(os.environ, PKG_CONFIG_PATH=find_folder(prefix, "telehash.pc"),
                           LD_LIBRARY_PATH=libraries)
        for how in ((), ("--static",)):
            flags = run("pkg-config", *how, "--cflags", "--libs", "telehash",
                        env=environment).split()
            if how:
                flags = [os.path.join(libraries, "libtelehash.a") if f == "-ltelehash" else f
                         for f in flags]
            program = os.path.join(folder, "program")
            run("cc", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags)
            said = run(program, env=environment, timeout=60)
            assert said == "connected: no error\n", said
            print("library: a program outside,", "static" if how else "shared")
    return 0


if __name__ == "__main__":
    sys.exit(main())
