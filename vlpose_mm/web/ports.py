"""Find a port to serve at."""

import socket


def free_port(host: str, port: int) -> int:
    """Return the port if it is free, or any free port for 0.

    Args:
        host (str): Address to serve at; IPv6 in brackets.
        port (int): The port.

    Raises:
        OSError: If it is taken, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip('[]'), port))
        except OSError as error:
            raise OSError(
                f'cannot serve at {host}, port {port} ({error.strerror}); choose others '
                'with --host and --port'
            ) from error
        return probe.getsockname()[1]
