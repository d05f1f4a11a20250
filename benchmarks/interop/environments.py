"""An environment of its own for each peer: two of them install a package called `binance`."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DEFAULT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "listenkey-peers"
INSTALL_TIMEOUT_S = 600


@dataclass(frozen=True)
class Environment:
    """
    A virtual environment, made when it is first asked for and used again afterwards.

    Args:
        name: The peer's distribution.
        requirements: What pip installs, versions pinned.
    """

    name: str
    requirements: tuple[str, ...]

    @property
    def version(self) -> str:
        """The version of the peer itself: the first requirement."""
        return self.requirements[0].partition("==")[2]

    def python(self, folder: Path) -> Path:
        """Return its interpreter. Raises subprocess.CalledProcessError when pip can't install the peer."""
        release = f"{sys.version_info[0]}.{sys.version_info[1]}"
        place = folder / f"{self.name}-{self.version}-python{release}"
        python, stamp = place / "bin" / "python", place / "installed"
        wanted = "\n".join(self.requirements)
        if stamp.exists() and stamp.read_text() == wanted:
            return python
        print(f"Installing {self.name} {self.version} into {place} (once) ...", file=sys.stderr)
        _run([sys.executable, "-m", "venv", "--clear", str(place)])
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
        _run([*pip, "install", *self.requirements])
        stamp.write_text(wanted)
        return python


def _run(line: list[str]) -> None:
    done = subprocess.run(line, timeout=INSTALL_TIMEOUT_S, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()


OFFICIAL_SDK = Environment(
    "binance-sdk-derivatives-trading-options",
    ("binance-sdk-derivatives-trading-options==8.6.0", "binance-common==4.6.0"),
)
CCXT = Environment("ccxt", ("ccxt==4.5.90",))
OPENXAPI = Environment("openxapi-binance", ("openxapi-binance==0.3.0",))
PYTHON_BINANCE = Environment("python-binance", ("python-binance==1.0.37",))
UNICORN = Environment("unicorn-binance-websocket-api", ("unicorn-binance-websocket-api==2.16.1", "picows==2.3.1"))
CRYPTOFEED = Environment("cryptofeed", ("cryptofeed==2.4.1",))
NAUTILUS = Environment("nautilus_trader", ("nautilus_trader==1.221.0",))
WEBSOCKETS = Environment("websockets", ("websockets==17.4", "msgspec==0.22.0"))
