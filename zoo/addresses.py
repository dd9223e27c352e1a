"""Where a process listens for others: HOST:PORT, read, bound and called."""

from __future__ import annotations

import dataclasses
import errno
import ipaddress
import os
import socket

from zoo.errors import UserError

EXAMPLE = "127.0.0.1:7433"


@dataclasses.dataclass(frozen=True)
class Address:
    """A host, by name or number, and a port.

    Attributes:
        flag: the one that it was given by.
    """

    host: str
    port: int
    flag: str = dataclasses.field(default="chief", compare=False)

    @classmethod
    def parse(cls, text: str, flag: str = "chief") -> Address:
        """Reads what a flag says.

        Raises:
            UserError: it is not HOST:PORT.
        """
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port:
            raise UserError(
                f"--{flag}={text} is not of the form HOST:PORT; write for "
                f"example --{flag}={EXAMPLE}."
            )
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise UserError(
                f"--{flag}={text} has no port {port}; a port is a whole number "
                "from 1 to 65535."
            )
        return cls(host, int(port), flag)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_everywhere(self) -> bool:
        """Whether it stands for all addresses of a machine."""
        return self.host in ("0.0.0.0", "::")

    @property
    def is_private(self) -> bool:
        """Whether nothing but the machine itself can call it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def from_here(self) -> Address:
        """Returns how the machine that listens calls itself."""
        own = {"0.0.0.0": "127.0.0.1", "::": "::1"}
        return dataclasses.replace(self, host=own.get(self.host, self.host))

    def from_elsewhere(self) -> Address:
        """Returns how other machines call it, as far as is known here."""
        if not self.is_everywhere:
            return self
        return dataclasses.replace(self, host=socket.gethostname())

    def listen(self) -> socket.socket:
        """Returns a socket that listens there.

        Raises:
            UserError: the port is in use, or the host is not this machine.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            return socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            raise UserError(f"--{self.flag}={self}: {_why(error)}.") from None

    def call(self, timeout: float) -> socket.socket:
        """Returns a socket that is connected to it.

        Raises:
            OSError: nobody answers there.
        """
        return socket.create_connection((self.host, self.port), timeout)


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no machine of that name is known here"
    if error.errno == errno.EADDRINUSE:
        return "something listens there already; choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "that is no address of this machine; 0.0.0.0 stands for all"
    text = os.strerror(error.errno or 0)
    return f"nothing can listen there: {text}; choose another port"
