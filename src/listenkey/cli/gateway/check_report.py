"""The report on a configuration: its mistakes, or what it would run; for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listenkey.cli import exit_codes

if TYPE_CHECKING:
    from listenkey.gateway.config import GatewayConfig
    from listenkey.gateway.mistakes import ConfigError

NAMES_SHOWN: Final = 8


def mistakes_object(error: ConfigError) -> dict[str, Any]:
    """Return the mistakes for a program."""
    return {
        "config": str(error.path),
        "mistakes": [{"line": line, "text": exit_codes.safe(text)} for line, text in error.mistakes],
    }


def mistakes_text(error: ConfigError) -> str:
    """Return the mistakes for a person, one a line."""
    many = "1 mistake" if len(error.mistakes) == 1 else f"{len(error.mistakes)} mistakes"
    return "\n".join([f"{error.path}: {many}", *(f"  {exit_codes.safe(str(mistake))}" for mistake in error.mistakes)])


def config_object(found: GatewayConfig) -> dict[str, Any]:
    """Return what a configuration would run, for a program."""
    from listenkey.gateway.cold_start import cold_start
    from listenkey.gateway.mass_return import mass_return

    signing, shares = sum(account.can_sign for account in found.accounts), found.keys_per_socket
    return {
        "config": str(found.path),
        "accounts": [account.name for account in found.accounts],
        "listen": listen_text(found),
        "journal": found.journal,
        "folder": str(found.folder),
        "token_file": None if found.token_file is None else str(found.token_file),
        "keep_days": found.keep_days,
        "keys_per_socket": shares,
        "idle_audit_every_s": found.idle_audit_every_s,
        "venue": {"name": found.venue.name, "rest_url": found.venue.rest_url, "ws_url": found.venue.ws_url},
        "cold_start": cold_start(signing, len(found.accounts) - signing, keys_per_socket=shares)._asdict(),
        "mass_return": mass_return(signing, keys_per_socket=shares)._asdict(),
        "warnings": [{"line": line, "text": exit_codes.safe(text)} for line, text in found.warnings],
    }


def listen_text(found: GatewayConfig) -> str:
    """Return host and port as they stand in an address."""
    return f"[{found.host}]:{found.port}" if ":" in found.host else f"{found.host}:{found.port}"


def config_text(found: GatewayConfig) -> str:
    """Return what a configuration would run, for a person."""
    names = [account.name for account in found.accounts]
    shown = ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
    token = f"from {found.token_file}" if found.token_file else f"made at the first start, and kept in {found.folder}"
    keeps = "keeps everything" if found.keep_days is None else f"keeps {found.keep_days:g} days"
    kind = "NATS JetStream" if found.is_on_nats else f"SQLite, {keeps}"
    rows = {
        "accounts": f"{len(names)}: {shown}" if names else "none yet; POST /v1/accounts adds them while it runs",
        "listen": listen_text(found),
        "journal": f"{found.journal} ({kind})",
        "token": token,
        "venue": f"{found.venue.name}: {found.venue.rest_url}, {found.venue.ws_url}",
        "cold start": start_text(found),
        "mass return": return_text(found),
    }
    lines = [f"{found.path} has no mistake. It would run:", *(f"  {name:<13}{text}" for name, text in rows.items())]
    lines += [f"  warning, {exit_codes.safe(str(warning))}" for warning in found.warnings]
    return "\n".join(lines)


def start_text(found: GatewayConfig) -> str:
    """Return the arithmetic of a start in a sentence."""
    from listenkey.gateway.cold_start import cold_start

    signing = sum(account.can_sign for account in found.accounts)
    plan = cold_start(signing, len(found.accounts) - signing, keys_per_socket=found.keys_per_socket)
    limit = f"at {plan.weight_limit} weight per minute"
    if plan.at_once >= plan.accounts:
        return f"all live within seconds ({plan.weight} weight, {limit})"
    after = duration_text(plan.all_live_after_s)
    return f"{plan.at_once} at once, then {plan.per_minute:.0f} per minute {limit}; all live after about {after}"


def return_text(found: GatewayConfig) -> str:
    """Return in a sentence how long it takes after all sockets were lost at once."""
    from listenkey.gateway.mass_return import mass_return

    signing = sum(account.can_sign for account in found.accounts)
    plan = mass_return(signing, keys_per_socket=found.keys_per_socket)
    if not plan.all_healed_after_s:
        return "all gaps closed within seconds, where every socket is lost at once"
    return f"all gaps closed after about {duration_text(plan.all_healed_after_s)}, where every socket is lost at once"


def duration_text(duration_s: float) -> str:
    """Return a duration in seconds or minutes."""
    return f"{duration_s / 60:.0f} min" if duration_s >= 60 else f"{duration_s:.0f} s"
