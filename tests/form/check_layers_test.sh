#!/bin/sh
# Shows that tools/check_layers lets good files pass and catches each kind of bad one.

set -eu
check=$(cd "$(dirname "$0")/../.." && pwd)/tools/check_layers
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

put() # FILE, then lines
{
    file=$1
    shift
    mkdir -p "$tree/$(dirname "$file")"
    printf '%s\n' "$@" >"$tree/$file"
}

passes() # WHAT: the tree as it stands must pass
{
    if ! found=$("$check" "$tree"); then
        printf 'not ok: %s\n%s\n' "$1" "$found"
        failed=1
    fi
    rm -rf "${tree:?}"/*
}

catches() # WHAT FILE:LINE WORDS: the tree as it stands must fail, at that line, in these words
{
    if found=$("$check" "$tree"); then
        printf 'not ok: %s: nothing was found\n' "$1"
        failed=1
    elif ! printf '%s\n' "$found" | grep -F "$2: " | grep -qF "$3"; then
        printf 'not ok: %s: expected "%s: ... %s ...", found\n%s\n' "$1" "$2" "$3" "$found"
        failed=1
    elif [ "$(printf '%s\n' "$found" | wc -l)" -ne 1 ]; then
        printf 'not ok: %s: expected one line, found\n%s\n' "$1" "$found"
        failed=1
    fi
    rm -rf "${tree:?}"/*
}

put switch/base/bytes.c '#include "switch/base/bytes.h"' '#include <string.h>'
put switch/wire/seeds.c '#include <jansson.h>' '#include "switch/base/bytes.h"'
put switch/run/host_uv.c '#include <uv.h>' '#include "switch/run/host.h"'
put switch/core/exchange.c '#include "switch/wire/open.h"'
put switch/udp.c '#include <sys/socket.h>' '#include <netinet/in.h>' '#include <uv.h>'
put switch/switch.c '#include "switch/core/switchboard.h"' '#include "switch/run/server.h"'
put router/answer.c '#include "router/table.h"' '#include "switch/wire/see.h"'
put router/router.c '#include "router/answer.h"' '#include "dialer/dialer.h"' '#include "router/disk.h"'
put router/node.c '#include "router/telehash.h"' '#include "router/router.h"'
put tools/app/control_socket.c '#include <uv.h>' '#include <jansson.h>'
put tools/thctl.c '#include <jansson.h>' '#include "tools/app/control.h"'
passes "files that include their own and lower floors"

passes "an empty tree"

put switch/wire/packet.c '' '#include "switch/core/channel.h"'
catches "a higher floor" switch/wire/packet.c:2 "core (floor 2)"

put switch/wire/packet.h '#include "switch/run/msg.h"'
catches "wire knows run" switch/wire/packet.h:1 "run (floor 1)"

put switch/run/msg.h '#include "switch/wire/packet.h"'
catches "run knows wire" switch/run/msg.h:1 "wire (floor 1)"

put switch/core/channel.c '#include "switch/run/msg.h"'
catches "a machine knows run" switch/core/channel.c:1 "run (floor 1)"

put dialer/lookup.c '#include "dialer/dialer.h"'
catches "a machine knows its server" dialer/lookup.c:1 "dialer (floor 4)"

put router/boot.c '#include "router/bootstrap.h"'
catches "boot is not bootstrap" router/boot.c:1 "router (floor 5)"

put dialer/dialer.c '#include "router/disk.h"'
catches "the disk is for floor 5 and up" dialer/dialer.c:1 "disk (floor 4)"

put tools/app/config.c '#include "tools/sim/world.h"'
catches "the daemon knows the simulator" tools/app/config.c:1 "sim (floor 7)"

put router/node.c '#  include "tools/app/control.h"'
catches "space before include" router/node.c:1 "app (floor 7)"

put tools/telehashd.c '#include "app/control.h"'
catches "a path that is not from the root" tools/telehashd.c:1 "not a path from the root"

put router/node.c '#include "router/table.c"'
catches "a source file" router/node.c:1 "source file"

put switch/more/new.c ''
catches "a file of no floor" switch/more/new.c:1 "belongs to no floor"

put router/router.c '#include <uv.h>'
catches "libuv beyond its seams" router/router.c:1 "<uv.h> is only for"

put tools/sim/host_sim.c '#include <uv.h>'
catches "libuv in the simulator" tools/sim/host_sim.c:1 "<uv.h> is only for"

put router/answer.c '#include <jansson.h>'
catches "json beyond wire" router/answer.c:1 "<jansson.h> is only for"

put switch/switch.c '#include <netinet/in.h>'
catches "sockets beyond udp" switch/switch.c:1 "<netinet/in.h> is only for"

[ "$failed" -eq 0 ] && echo "check_layers catches what it should"
exit "$failed"
