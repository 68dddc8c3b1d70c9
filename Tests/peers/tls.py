"""TLS with a CA of one's own and client certificates, made by openssl's command line, between prong
and the example server."""

import os
import subprocess

from support import Prongd, Running, Scratch, checked, target_table, until

SERVICE = "prong.example.v1.Example"


class Authority:
    """A certificate authority in a folder, and what it signed."""

    def __init__(self, scratch, name):
        self.scratch = scratch
        self.name = name
        self.certificate = scratch.file(f"{name}-ca.pem")
        self.key = scratch.file(f"{name}-ca.key")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", f"/CN={name} test authority", "-keyout", self.key,
                "-out", self.certificate)

    def sign(self, subject):
        """A key and a certificate for the DNS name `subject`."""
        base = self.scratch.file(f"{self.name}-{subject}")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}",
                "-keyout", f"{base}.key", "-out", f"{base}.csr")
        extensions = self.scratch.write(f"{subject}.ext", f"subjectAltName=DNS:{subject}\n")
        openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.certificate,
                "-CAkey", self.key, "-CAcreateserial", "-days", "2", "-extfile", extensions,
                "-out", f"{base}.pem")
        return f"{base}.pem", f"{base}.key"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


class Example(Running):
    def __init__(self, programs, scratch, name, options):
        super().__init__(
            [os.path.join(programs, "prong-example-server"), "--listen", "127.0.0.1:0",
             "--ledger", scratch.file(f"{name}-ledger"), *options],
            scratch.file(f"{name}.log"))

    def start(self):
        super().start()
        self.address = until("the example server listens", self.find_address)
        return self

    def find_address(self):
        for line in self.text().splitlines():
            if line.startswith("listening on "):
                return line.removeprefix("listening on ")
        return None


def claims(check, programs):
    with Scratch() as scratch:
        descriptors = scratch.file("example.binpb")
        subprocess.run(
            [os.path.join(programs, "prong-example-server"), "--descriptors", descriptors],
            check=True, timeout=30)
        ours = Authority(scratch, "ours")
        strange = Authority(scratch, "strange")
        certificate, key = ours.sign("example.test")
        client = ours.sign("client.test")
        stranger = strange.sign("client.test")
        plain = ["--tls-cert", certificate, "--tls-key", key]
        mutual = plain + ["--client-ca", ours.certificate]

        def table(name, server, lines):
            return target_table(name, server.address, descriptors, lines, "tls")

        own_ca = f'ca = "{ours.certificate}"\nauthority = "example.test"'
        with Example(programs, scratch, "plain", plain) as server, \
                Example(programs, scratch, "mutual", mutual) as both:
            targets = "".join([
                table("good", server, own_ca),
                table("wrongca", server,
                      f'ca = "{strange.certificate}"\nauthority = "example.test"'),
                table("wrongname", server, f'ca = "{ours.certificate}"'),
                table("mutual", both, f'{own_ca}\ncert = "{client[0]}"\nkey = "{client[1]}"'),
                table("nocert", both, own_ca),
                table("stranger", both,
                      f'{own_ca}\ncert = "{stranger[0]}"\nkey = "{stranger[1]}"')])
            with Prongd(programs, targets) as prongd:
                outcomes(check, prongd)
        ended = checked(programs, scratch, table(
            "good", server,
            f'{own_ca}\ncert = "{client[0]}"\nkey = "{scratch.file("gone.key")}"'))
        check("a key file that is not there is refused by name",
              ended.returncode == 78 and "gone.key" in ended.stderr, ended)


def outcomes(check, prongd):
    def call(target):
        return prongd.call(f"{SERVICE}/EchoSafe", {"text": target},
                           [f"Prong-Target: {target}", "Connect-Timeout-Ms: 3000"])

    for name, why in (("good", "its own CA and the name override"),
                      ("mutual", "a client certificate")):
        until(f"{name} is up", lambda name=name: prongd.target(name)["state"] == "up")
        answer = call(name)
        check(f"a call over TLS with {why} succeeds",
              answer.status == 200 and answer.json()["text"] == name, answer)
    for name, why in (("wrongca", "another CA"), ("wrongname", "another name"),
                      ("nocert", "no client certificate"),
                      ("stranger", "a client certificate of another CA")):
        answer = call(name)
        check(f"a call over TLS with {why} is not made",
              answer.status in (503, 504), answer)
        check(f"the target with {why} is down", prongd.target(name)["state"] == "down",
              prongd.target(name))
    check("the others still answer", call("good").status == 200)
