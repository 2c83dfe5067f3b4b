"""Five nodes of ours and five of the JavaScript switch: each of the 90 ordered pairs connects, by whatever way. Who
is asked was told of by somebody between; what either switch tells of itself by `path` is checked on the way.
"""

import time

from foreign import Foreign, MixedMesh, ask, wait_linked
from mesh import SLOW, check, main, test, wait_for

PATIENCE_S = 15  # a JavaScript node loses what it sends while a line is made, and seeks anew after 5 s


def reaches(one, other):
    if isinstance(one, Foreign):
        return one.call("seek", hashname=other.hashname)["error"] is None and one.can_ask(other)
    result = ask(one, "ping", hashname=other.hashname, count=1)
    return result.get("received") == 1


def connects(one, other):
    until = time.monotonic() + PATIENCE_S * SLOW
    while not reaches(one, other):
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True


@test
def every_pair_of_ten_connects():
    with MixedMesh() as mesh:
        seed = mesh.ours("ours0")
        foreign_seed = mesh.foreign("js0").join(seed)
        wait_linked(seed, foreign_seed)
        nodes = [seed, foreign_seed]
        for i in range(1, 5):
            nodes.append(mesh.ours("ours%d" % i, foreign_seed if i % 2 else seed))
            nodes.append(mesh.foreign("js%d" % i).join(seed if i % 2 else foreign_seed))
        for node in nodes[1:]:
            wait_for("%s has a link" % node.name, lambda: node.links(), 10 * SLOW)

        failed = []
        for one in nodes:
            for other in nodes:
                if one is not other and not connects(one, other):
                    failed.append("%s to %s" % (one.name, other.name))
        check(not failed, "not connected: %s" % ", ".join(failed))

        for node in nodes:
            if isinstance(node, Foreign):
                asked = node.seen("path")
                check(asked, "nobody asked %s where it is" % node.name)
            else:
                status = node.call("status")
                check(status["observed"], "nobody told %s where it is seen" % node.name)


main()
