"""The generated client of openxapi: the three listen key calls. It has no stream."""

from __future__ import annotations

from binance.options import ApiClient, ApiException, Configuration, OptionsApi  # type: ignore[import-not-found]
from binance.options.signing import BinanceAuth  # type: ignore[import-not-found]

from benchmarks.interop.script import place, say


def main() -> None:
    here = place()
    auth = BinanceAuth(api_key=here.api_key, secret_key=here.api_secret)
    api = OptionsApi(ApiClient(Configuration(host=here.rest_url, auth=auth)))
    first = api.create_listen_key_v1().listen_key
    say(call="POST", good=bool(first))
    say(call="POST again", good=api.create_listen_key_v1().listen_key == first)
    say(call="PUT", good=api.update_listen_key_v1() == {})
    say(call="DELETE", good=api.delete_listen_key_v1() == {})
    try:
        api.update_listen_key_v1()
        say(call="PUT after DELETE", good=False)
    except ApiException as error:
        say(call="PUT after DELETE", good=error.status == 400 and "-1125" in str(error.body))


if __name__ == "__main__":
    main()
