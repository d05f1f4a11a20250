"""`listenkey sandbox`: the local exchange, until stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from listenkey.cli import exit_codes
from listenkey.cli.config.options import TIME_SCALE, configure_logs, debug_option
from listenkey.cli.groups import Command
from listenkey.cli.running import Stop, run
from listenkey.errors import UsageError

if TYPE_CHECKING:
    from listenkey.sandbox.server import Sandbox


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(0, 65535), default=8700, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to bind.")
@click.option("--listen", is_flag=True, help="Allow a --host that other machines can reach.")
@click.option(
    "--time-scale",
    type=TIME_SCALE,
    default=1.0,
    show_default=True,
    help="How fast its time runs; 60 makes an hour a minute.",
)
@click.option("--no-market", is_flag=True, help="No bots that trade: nothing happens but what you do.")
@click.option("--account", "accounts", multiple=True, default=("alice",), show_default=True, help="May be repeated.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the prices and the bots.")
@click.option("--json", "as_json", is_flag=True, help="Say where it is as one JSON line.")
@debug_option
def sandbox(
    port: int,
    host: str,
    listen: bool,
    time_scale: float,
    no_market: bool,
    accounts: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> int:
    """
    Run a Binance Options exchange on this machine, until Ctrl-C.

    REST and WebSocket on one port, a matching engine behind them, bots that trade, accounts with keys of their own, and
    a control address that breaks things on purpose. State is in memory and ends with it.

    \b
    Examples:
      listenkey sandbox
      listenkey sandbox --port 0 --json --account alice --account bob
      listenkey sandbox --time-scale 60        # a listen key then lives one minute
    """
    configure_logs()

    async def serve(stop: Stop) -> int:
        from listenkey.sandbox.server import Sandbox

        try:
            exchange = Sandbox(
                port=port,
                host=host,
                listen=listen,
                time_scale=time_scale,
                market=not no_market,
                seed=seed,
                accounts=accounts,
            )
        except ValueError as error:
            raise UsageError(str(error).replace("listen=True", "--listen")) from None
        return await stay_open(stop, exchange, as_json=as_json, time_scale=time_scale)

    return run(serve)


async def stay_open(stop: Stop, exchange: Sandbox, *, as_json: bool, time_scale: float) -> int:
    """Start it, say where it is, and wait for the end."""
    try:
        await exchange.start()
    except OSError as error:
        raise UsageError(f"the port can't be taken: {error.strerror or error}; try --port 0") from None
    try:
        described = exchange.describe()
        click.echo(json.dumps(described) if as_json else readable(described, time_scale))
        await stop.asked.wait()
    finally:
        await exchange.stop()
    return exit_codes.DONE


def readable(described: dict[str, Any], time_scale: float) -> str:
    """Return the lines that a person pastes into another terminal to use it."""
    first = described["accounts"][0]
    lines = [
        f"Binance Options sandbox at {described['rest_url']} (Ctrl-C ends it)",
        "",
        "# paste this where your program runs:",
        f"export LISTENKEY_REST_URL={described['rest_url']} LISTENKEY_WS_URL={described['ws_url']}",
        f"export BINANCE_API_KEY={first['api_key']}",
        f"export BINANCE_API_SECRET={first['api_secret']}",
    ]
    if time_scale != 1:
        lines.append(f"export LISTENKEY_TIME_SCALE={time_scale:g}")
    lines += [
        f"# {other['name']}: BINANCE_API_KEY={other['api_key']} BINANCE_API_SECRET={other['api_secret']}"
        for other in described["accounts"][1:]
    ]
    lines += [
        "",
        f"control: {described['control_url']}  (header X-Sandbox-Token: {described['control_token']})",
        "then, for example: listenkey tail",
    ]
    return "\n".join(lines)
