"""`python -m listenkey.sandbox`: a sandbox without the command's comforts."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys

from listenkey.sandbox.server import Sandbox


async def serve(sandbox: Sandbox, *, as_json: bool) -> None:
    """Serve until interrupted."""
    async with sandbox:
        told = sandbox.describe()
        if as_json:
            text = json.dumps(told)
        else:
            keys = "".join(f"\n{each['name']}: {each['api_key']} {each['api_secret']}" for each in told["accounts"])
            text = f"REST {told['rest_url']}  sockets {told['ws_url']}  control {told['control_url']}{keys}"
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Reads the arguments and serves."""
    parser = argparse.ArgumentParser(prog="python -m listenkey.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8700, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--listen", action="store_true", help="allow a host that others can reach")
    parser.add_argument("--time-scale", type=float, default=1.0, help="60 makes an hour a minute")
    parser.add_argument("--no-market", action="store_true", help="no bots")
    parser.add_argument("--account", action="append", help="a name; may be given more than once")
    parser.add_argument("--seed", type=int, default=1, help="of prices and bots")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    asked = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(asked))


async def _run(asked: argparse.Namespace) -> None:
    sandbox = Sandbox(
        port=asked.port,
        host=asked.host,
        listen=asked.listen,
        time_scale=asked.time_scale,
        market=not asked.no_market,
        accounts=asked.account or ["alice"],
        seed=asked.seed,
    )
    await serve(sandbox, as_json=asked.json)


if __name__ == "__main__":
    main()
