"""The status page in a browser (headless Chromium), with clicks, on a desk and on a phone, light and dark.

TH_SCREENSHOTS names a folder for pictures of it; without it none are kept.
"""

import base64
import contextlib
import functools
import os
import re
import signal
import shutil
import socket
import sys
import time

from mesh import Failure, Mesh, SLOW, check, main, skip, test as plain_test, wait_for
from web import Web, need_web

need_web()
sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, should this python be another one
try:
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    skip("selenium is not there (tools/setup long installs it)")
if not shutil.which("chromium") or not shutil.which("chromedriver"):
    skip("chromium and its driver are not there (tools/setup long installs them)")



def test(function):
    """What the browser complains of fails the test as what we check does."""

    @functools.wraps(function)
    def run():
        try:
            function()
        except WebDriverException as problem:
            raise Failure(problem.msg) from problem

    return plain_test(run)


DESK, PHONE = (1360, 900, 1, False), (390, 844, 2, True)


class Page:
    """A browser with the page open."""

    def __init__(self, url, size=DESK, scheme="light"):
        options = Options()
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(flag)
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.driver.set_page_load_timeout(60 * SLOW)
        self.look_like(size, scheme)
        self.driver.get(url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def look_like(self, size, scheme):
        width, height, scale, is_mobile = size
        self.size = size
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_mobile},
        )
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.run("return (document.querySelector(arguments[0]) || {}).textContent || ''", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, what, holds, seconds=15):
        return wait_for(lambda: "%s; the page says %r" % (what, self.run("return document.body.innerText")[:600]), holds, seconds * SLOW)

    def wait_text(self, selector, pattern, seconds=15):
        return self.wait("%s ~ %s" % (selector, pattern), lambda: re.search(pattern, self.text(selector)), seconds)

    def complaints(self):
        """What the browser holds against the page: errors of scripts, what the policy forbade. That a 503 came is none."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "status of 503" not in entry["message"]]

    def picture(self, name):
        folder = os.environ.get("TH_SCREENSHOTS")
        if folder:
            width = self.size[0]
            height = self.run("return document.documentElement.scrollHeight")
            clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
            shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
            with open(os.path.join(folder, "page-%s.png" % name), "wb") as file:
                file.write(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def mesh_of(count, *flags):
    with Mesh() as mesh:
        nodes = mesh.grow(count - 1)
        mesh.wait_ready(nodes, 20 * SLOW)
        with Web(nodes[1].socket, *flags) as web:
            web.wait_health(200, 20 * SLOW)
            yield mesh, nodes, web


def names(page):
    return [row.split("\n")[0] for row in page.texts("#peers-table tbody td:first-child button")]


@test
def page_shows_the_node_and_its_peers_and_keeps_up():
    with mesh_of(6) as (mesh, nodes, web):
        node = nodes[1]
        with Page(web.url) as page:
            page.wait_text("#state", "^healthy$")
            check(page.text("#hashname") == node.hashname, "another hashname")
            check(page.text("#addresses") in node.call("status")["addresses"], page.text("#addresses"))
            page.wait_text("#links", "^%d$" % len(node.links()))
            check(sorted(names(page)) == sorted(p["hashname"][:12] for p in node.call("peers")), "%s" % names(page))
            check(len(page.all("#table rect.peer")) == len(node.links()), "squares")
            check({"router", "switch", "dialer"} <= set(page.texts("#servers-table tbody td:first-child")), "servers")
            page.wait_text("#rx", r"B/s$")
            check(node.hashname[:8] in page.driver.title and "ready" in page.driver.title, page.driver.title)

            newcomer = mesh.node("late", "--seeds", nodes[0].export_seeds()).start()
            node.call("connect", {"hashname": newcomer.hashname})
            page.wait("the newcomer is shown", lambda: newcomer.hashname[:12] in names(page))
            newcomer.stop()
            row = "#peers-table tr[data-key='%s']" % newcomer.hashname
            page.wait("its link is gone", lambda: "none" in page.text(row + " td:nth-child(3)"), 30)
            check(page.complaints() == [], "%s" % page.complaints())


@test
def peers_are_sorted_by_clicks_and_by_the_keyboard():
    with mesh_of(6) as (_, nodes, web):
        with Page(web.url) as page:
            page.wait("peers", lambda: len(names(page)) >= 5)
            head = page.find("th[data-key=hashname]")
            head.find_element(By.TAG_NAME, "button").click()
            check(head.get_attribute("aria-sort") == "ascending" and names(page) == sorted(names(page)), "%s" % names(page))
            head.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
            check(head.get_attribute("aria-sort") == "descending", "the keyboard does not sort")
            check(names(page) == sorted(names(page), reverse=True), "%s" % names(page))
            check(len(page.all("th[aria-sort]")) == 1, "two columns sort")
            time.sleep(4.5)  # it asks anew meanwhile: the order stays, and so does the focus
            check(names(page) == sorted(names(page), reverse=True), "the order is lost")
            check(page.run("return document.activeElement.closest('th').dataset.key") == "hashname", "the focus is lost")

            square = page.all("#table rect.peer")[0]
            square.click()
            lit = page.texts("tr.lit td:first-child button")
            check(lit == [square.get_attribute("data-peer")[:12]], "%s" % lit)


@test
def a_node_is_looked_up_by_its_name_and_mistakes_are_told():
    with mesh_of(6) as (_, nodes, web):
        with Page(web.url) as page:
            page.wait("peers", lambda: len(names(page)) >= 5)
            field, button = page.find("#seek-name"), page.find("#seek button[type=submit]")
            field.send_keys("no hashname")
            button.click()
            page.wait_text("#seek-error", "64 hex digits")
            check(field.get_attribute("aria-invalid") == "true", "aria-invalid")

            page.find("#peers-table tbody button.name").click()
            target = field.get_attribute("value")
            check(re.fullmatch("[0-9a-f]{64}", target), target)
            check(page.run("return document.activeElement.id") == "seek-name", "the field has no focus")
            field.send_keys(Keys.ENTER)
            page.wait_text("#seek-result .verdict", "^Found")
            check(page.text("#seek-error") == "", page.text("#seek-error"))
            page.picture("seek")

            field.clear()
            field.send_keys("ab" * 32)
            field.send_keys(Keys.ENTER)
            page.wait_text("#seek-result .verdict", "^Nobody", 30)
            check(len(page.all("#seek-result tbody tr")) >= 5, "steps: %s" % page.texts("#seek-result tbody tr"))
            check(page.complaints() == [], "%s" % page.complaints())


@test
def a_daemon_that_hangs_and_comes_back_is_told_and_what_was_known_stays():
    with mesh_of(4) as (_, nodes, web):
        node = nodes[1]
        with Page(web.url) as page:
            page.wait("peers", lambda: len(names(page)) >= 3)
            node.signal(signal.SIGSTOP)
            page.wait_text("#trouble", "does not answer", 40)
            page.wait_text("#state", "^no answer$")
            check(len(names(page)) >= 3, "what was known is gone")
            page.wait_text("#said", "does not answer")  # for who listens to it
            page.picture("trouble")
            node.signal(signal.SIGCONT)
            page.wait_text("#state", "^healthy$", 30)
            page.wait("no trouble", lambda: not page.find("#trouble").is_displayed())

            node.call("server.suspend", {"server": "router", "for_ms": 60000})
            page.wait_text("#state", "not healthy", 30)
            page.wait_text("#servers-table tbody", "suspended", 30)
            page.wait("why", lambda: page.find("#reasons").is_displayed() and "router" in page.text("#reasons"))
            page.picture("suspended")
            node.call("server.resume", {"server": "router"})
            page.wait_text("#state", "^healthy$", 30)


@test
def what_comes_from_others_is_text_and_never_markup():
    """A peer's name is hex, but what one says of a refused introduction is free text: here all of it is made up."""
    evil = "<img src=x onerror=window.hurt=1><script>window.hurt=1</script>"
    with mesh_of(3) as (_, nodes, web):
        with Page("about:blank") as page:
            page.driver.execute_cdp_cmd(
                "Page.addScriptToEvaluateOnNewDocument",
                {
                    "source": """
                const real = window.fetch, evil = %r;
                const spoil = (v) => Array.isArray(v) ? v.map(spoil) : v && typeof v === 'object'
                    ? Object.fromEntries(Object.entries(v).map(([k, w]) => [k, spoil(w)]))
                    : typeof v === 'string' ? evil + v : v;
                window.fetch = async (...a) => {
                    const answer = await real(...a), value = spoil(await answer.json());
                    return {ok: answer.ok, status: answer.status, json: async () => value};
                };"""
                    % evil
                },
            )
            page.driver.get(web.url)
            page.wait_text("#hashname", "onerror")
            page.wait("peers", lambda: "onerror" in page.text("#peers-table tbody"))
            page.find("#seek-name").send_keys("cd" * 32 + Keys.ENTER)
            page.wait_text("#seek-result", "Asked", 30)
            check(page.run("return document.querySelectorAll('img, main script').length") == 0, "there is markup")
            check(page.run("return window.hurt") is None, "a script ran")


@test
def page_fits_a_desk_and_a_phone_light_and_dark():
    with mesh_of(13) as (_, nodes, web):
        with Page(web.url) as page:
            for shape, size in (("desk", DESK), ("phone", PHONE)):
                for scheme in ("light", "dark"):
                    page.look_like(size, scheme)
                    page.driver.get(web.url)
                    page.wait("peers", lambda: len(names(page)) >= 10)
                    page.wait("traffic", lambda: page.all("#rx-line polyline"))
                    wide = page.run("return [document.documentElement.scrollWidth, innerWidth]")
                    check(wide[0] <= wide[1], "it is %d wide, for %d" % tuple(wide))
                    low = [contrast for contrast in page.run(CONTRASTS) if contrast[0] < 4.5]
                    check(low == [], "%s %s: too pale: %s" % (shape, scheme, low))
                    if shape == "phone":
                        for name in ("peers", "servers", "drops"):
                            box = page.run("const e = document.querySelector('#%s .scroll'); return [e.scrollWidth, e.clientWidth]" % name)
                            check(box[0] <= box[1], "the %s are %d wide, for %d" % (name, *box))
                        small = page.run(SMALL)
                        check(small == [], "too small for a finger: %s" % small)
                    page.picture("%s-%s" % (shape, scheme))
            check(page.complaints() == [], "%s" % page.complaints())


# The contrast of each text that is shown, with the nearest background that is not transparent; and what it says.
CONTRASTS = """
const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
const lum = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
const out = [];
for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const box = e.getBoundingClientRect();
    if (!own || box.width < 2 || e.closest('.visually-hidden, svg, noscript, script, .skip')) continue;
    let b = e, back;
    do { back = rgb(getComputedStyle(b).backgroundColor); b = b.parentElement; } while (b && back.length > 3 && back[3] === 0);
    const x = lum(rgb(getComputedStyle(e).color)), y = lum(back);
    out.push([(Math.max(x, y) + .05) / (Math.min(x, y) + .05), e.textContent.slice(0, 30)]);
}
return out;"""

SMALL = """
return [...document.querySelectorAll('button, input')].filter((e) => e.offsetParent)
    .map((e) => [e.getBoundingClientRect().height, e.textContent || e.id]).filter(([h]) => h < 24);"""


@test
def pause_stops_asking():
    with mesh_of(3) as (_, nodes, web):
        with Page(web.url) as page:
            page.wait_text("#updated", "live")
            page.find("#pause").click()
            page.wait_text("#updated", "paused")
            check(page.find("#pause").get_attribute("aria-pressed") == "true", "aria-pressed")
            time.sleep(2.5)
            before = page.text("#uptime")
            time.sleep(4)
            check(page.text("#uptime") == before, "it asks all the same")
            page.find("#pause").click()
            page.wait_text("#updated", "live")


@test
def a_request_that_comes_in_drops_is_ended_after_ten_seconds():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with Web(node.socket) as web:
            with web.connect() as stream:
                begun = time.monotonic()
                stream.settimeout(1)
                ended = False
                while not ended and time.monotonic() - begun < 30 * SLOW:
                    try:
                        stream.sendall(b"X")
                        ended = stream.recv(100) == b""
                    except socket.timeout:
                        pass
                    except OSError:
                        ended = True
                took = time.monotonic() - begun
            check(ended and 9 < took < 14 * SLOW, "it went on for %.0f s" % took)
            check(web.ask("/")[0] == 200, "no page")


main()
