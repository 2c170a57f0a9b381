"""`moderation web`"""

import asyncio
import socket

import uvicorn
from rich.console import Console

from moderation import logs
from moderation.bootstrap import make_login, make_web
from moderation.config import Settings, load_settings
from moderation.errors import ConfigurationError, TransientError
from moderation.web.hub import Hub

STOP_WITHIN = 5  # seconds for requests in flight; streams of events end at once


def web() -> None:
    """Serve the console and the JSON API. Runs until SIGTERM or Ctrl-C.

    MODERATION_WEB_HOST and MODERATION_WEB_PORT say where; MODERATION_REDIS_URL where the queue is. Create the first account with
    `moderation user add NAME --role admin`. Start several behind a proxy to share the load: all they know is in Redis.
    """
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format, settings.secrets)
    app = make_web(settings)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,  # logs.py has set up the loggers
            access_log=False,  # an address may hold a comment's id or a search
            server_header=False,
            proxy_headers=settings.web_proxies is not None,
            forwarded_allow_ips=settings.web_proxies,
            timeout_graceful_shutdown=STOP_WITHIN,
            lifespan="on",
        ),
        app.state.parts.hub,
    )
    listening = _listen(settings)
    address = f"http://{settings.web_host}:{listening.getsockname()[1]}"
    logs.logger("web").info("listening", url=address)
    asyncio.run(_welcome(settings, address))
    server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Tells the streams that it stops, which would otherwise never end."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.stop()
        await super().shutdown(sockets)


def _listen(settings: Settings) -> socket.socket:
    """Raises ConfigurationError when the address is taken."""
    family = socket.AF_INET6 if ":" in settings.web_host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.web_host, settings.web_port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(f"MODERATION_WEB_PORT: cannot listen on {settings.web_host}:{settings.web_port} ({error.strerror})") from None
    return listening


async def _welcome(settings: Settings, address: str) -> None:
    """For people: where it is, and what is missing."""
    console = Console(stderr=True)
    login = make_login(settings)
    try:
        nobody = not await login.store.accounts()
    except TransientError as error:
        logs.logger("web").warning("waiting", error=str(error))
        return
    finally:
        await login.store.close()
    console.print(f"console   {address}")
    if nobody:
        console.print("Nobody can log in yet: moderation user add NAME --role admin")
