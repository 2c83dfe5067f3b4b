"""A port of a daemon behind a home router is mapped (--port-map), advertised, renewed, and taken back.

The routers are of the test: one that speaks NAT-PMP (RFC 6886), one that speaks UPnP IGD. They translate
nothing; they say what they would do, and note what was asked.
"""

import http.server
import re
import socket
import struct
import threading

import lab
from lab import Lab, ip
from mesh import SLOW, check, main, skip, telehashd, test, thctl, wait_for

ROUTER = "198.18.0.1"


class NatPmp:
    """Answers on port 5351. log: ("map", inner port, wished port, seconds)."""

    def __init__(self, outer, lease_s, late_s=0):
        self.outer, self.lease_s, self.late_s = outer, lease_s, late_s
        self.log, self.answers = [], []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ROUTER, 5351))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            data, who = self.socket.recvfrom(100)
            if data == b"":
                return
            if data[:2] == b"\0\0":
                self.send(struct.pack("!BBHI", 0, 128, 0, 7) + socket.inet_aton(self.outer), who)
            elif data[:2] == b"\0\1":
                inner, wished, seconds = struct.unpack("!HHI", data[4:12])
                self.log.append(("map" if seconds else "unmap", inner, wished, seconds))
                answer = struct.pack("!BBHIHHI", 0, 129, 0, 7, inner, wished + 1000 if seconds else 0,
                                     self.lease_s if seconds else 0)
                self.send(answer, who)

    def send(self, answer, who):
        """Answers late, where it is asked to: after it was asked again."""
        if self.late_s == 0:
            self.socket.sendto(answer, who)
            return
        self.answers.append(threading.Timer(self.late_s, self.socket.sendto, (answer, who)))
        self.answers[-1].start()

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (ROUTER, 5351))
        self.thread.join()
        for answer in self.answers:
            answer.join()
        self.socket.close()


SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
DEVICE = """<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major>
<minor>0</minor></specVersion><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<friendlyName>test</friendlyName><manufacturer>test</manufacturer><modelName>test</modelName><UDN>uuid:1</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><friendlyName>w</friendlyName>
<UDN>uuid:2</UDN><serviceList><service><serviceType>urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1</serviceType>
<serviceId>urn:upnp-org:serviceId:WANCommonIFC1</serviceId><SCPDURL>/scpd</SCPDURL>
<controlURL>/common</controlURL><eventSubURL>/event</eventSubURL></service></serviceList><deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType>
<friendlyName>c</friendlyName><UDN>uuid:3</UDN><serviceList><service><serviceType>%s</serviceType>
<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><SCPDURL>/scpd</SCPDURL><controlURL>/control</controlURL>
<eventSubURL>/event</eventSubURL></service></serviceList></device></deviceList></device></deviceList></device>
</root>""" % SERVICE
ANSWER = """<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<u:%sResponse xmlns:u="%s">%s</u:%sResponse></s:Body></s:Envelope>"""
FAULT = """<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
<faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError
xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode></UPnPError></detail></s:Fault></s:Body>
</s:Envelope>"""


class Igd:
    """Is found by SSDP and asked by SOAP. taken: outer ports of others. log: (action, arguments)."""

    def __init__(self, outer, taken=()):
        self.outer, self.taken, self.log = outer, {str(port) for port in taken}, []
        self.http = http.server.ThreadingHTTPServer((ROUTER, 5000), self.handler())
        self.ssdp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ssdp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.ssdp.bind(("", 1900))
        group = socket.inet_aton("239.255.255.250") + socket.inet_aton(ROUTER)
        self.ssdp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self.http.serve_forever, self.search)]
        for thread in self.threads:
            thread.start()

    def search(self):
        while True:
            data, who = self.ssdp.recvfrom(2000)
            if data == b"end":
                return
            if b"M-SEARCH" in data:
                kind = re.search(rb"\nST: *([^\r]*)", data).group(1)
                if b"InternetGatewayDevice:1" in kind:
                    self.ssdp.sendto(
                        b"HTTP/1.1 200 OK\r\nLOCATION: http://198.18.0.1:5000/device.xml\r\nST: " + kind +
                        b"\r\nUSN: uuid:1\r\nCACHE-CONTROL: max-age=60\r\nEXT:\r\nSERVER: test\r\n\r\n", who)

    def answer(self, action, said):
        self.log.append((action, said))
        if action == "GetStatusInfo":
            return "<NewConnectionStatus>Connected</NewConnectionStatus><NewLastConnectionError>x" \
                "</NewLastConnectionError><NewUptime>5</NewUptime>"
        if action == "GetExternalIPAddress":
            return "<NewExternalIPAddress>%s</NewExternalIPAddress>" % self.outer
        if action == "AddPortMapping" and said["NewExternalPort"] in self.taken:
            return 718
        return "" if action in ("AddPortMapping", "DeletePortMapping") else 401

    def handler(igd):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def say(self, code, text):
                self.send_response(code)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_GET(self):
                self.say(200, DEVICE)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                action = self.headers["SOAPAction"].strip('"').split("#")[1]
                answer = igd.answer(action, dict(re.findall(r"<(New\w+)>([^<]*)</", body)))
                if isinstance(answer, int):
                    self.say(500, FAULT % answer)
                else:
                    self.say(200, ANSWER % (action, SERVICE, answer, action))

        return Handler

    def actions(self, name):
        return [said for action, said in self.log if action == name]

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", (ROUTER, 1900))
        for thread in self.threads:
            thread.join()
        self.ssdp.close()


def daemon(net):
    host = net.host("behind")
    ip("route add default via %s" % ROUTER, "behind")
    return net.node("node", "--listen", "0.0.0.0:42424", "--port-map").start(wrapper=host.wrapper)


def mapped(node):
    return node.call("status")["mapped"]


@test
def a_port_is_mapped_by_nat_pmp_renewed_and_taken_back():
    with Lab() as net:
        router = NatPmp("198.18.7.7", lease_s=20)
        node = daemon(net)
        check(wait_for("it is mapped", lambda: mapped(node), 10 * SLOW) == "198.18.7.7:43424", mapped(node))
        check("198.18.7.7:43424" in node.call("status")["addresses"], "not advertised")
        paths = node.call("seeds.export")[node.hashname]["paths"]
        check({"type": "ipv4", "ip": "198.18.7.7", "port": 43424} in paths, "%s" % paths)
        check("mapped      198.18.7.7:43424" in thctl(node, "status").stdout, thctl(node, "status").stdout)
        shown = thctl(node, "log", "--topic", "port-map")
        check(shown.returncode == 0 and "port-map: mapped" in shown.stdout, shown)
        wait_for("it is renewed before its 20 s are over", lambda: len(router.log) >= 2, 14 * SLOW)
        check(all(entry == ("map", 42424, 42424, 3600) for entry in router.log), "%s" % router.log)
        check(node.stop()[0] == 0, "it failed")
        check(router.log[-1] == ("unmap", 42424, 0, 0), "%s" % router.log)
        check(node.log().count("port-map: mapped") == 1, node.log())
        router.close()


@test
def a_router_that_answers_late_and_twice_is_understood():
    with Lab() as net:
        router = NatPmp("198.18.7.7", lease_s=3600, late_s=0.4)  # a question waits 0.25 s, then is asked again
        node = daemon(net)
        check(wait_for("it is mapped", lambda: mapped(node), 10 * SLOW) == "198.18.7.7:43424", mapped(node))
        check(node.stop()[0] == 0, "it failed")
        router.close()


@test
def a_port_is_mapped_by_upnp_beside_those_of_others_and_taken_back():
    with Lab() as net:
        router = Igd("11.22.33.44", taken=(42424, 42425))
        node = daemon(net)
        check(wait_for("it is mapped", lambda: mapped(node), 20 * SLOW) == "11.22.33.44:42426", mapped(node))
        said = router.actions("AddPortMapping")[-1]
        check(said["NewInternalPort"] == "42424" and said["NewInternalClient"] == "198.18.1.1", "%s" % said)
        check(said["NewProtocol"] == "UDP" and said["NewLeaseDuration"] == "3600", "%s" % said)
        check("11.22.33.44:42426" in node.call("status")["addresses"], "not advertised")
        check(node.stop()[0] == 0, "it failed")
        gone = router.actions("DeletePortMapping")
        check(len(gone) == 1 and gone[0]["NewExternalPort"] == "42426", "%s" % gone)
        router.close()


@test
def without_such_a_router_it_says_so_once_and_goes_on():
    with Lab() as net:
        node = daemon(net)
        wait_for("it is said", lambda: "port-map: not_mapped" in node.log(), 20 * SLOW)
        status = node.call("status")
        check(status["mapped"] is None and status["state"] == "alone", "%s" % status)
        slow = [s for s in node.call("servers") if (s["longest_callback_us"] or 0) > 500000]
        check(not slow, "it was waited for on a loop: %s" % slow)
        check(node.stop()[0] == 0 and node.log().count("not_mapped") == 1, node.log())


lab.enter()
if "--port-map" not in telehashd("--help").stdout or "was built without" in telehashd("--port-map", "--print-hashname").stderr:
    skip("it was built without libnatpmp and libminiupnpc")
main()
