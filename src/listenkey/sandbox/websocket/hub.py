"""
The sockets' side of the exchange: who listens to what, in which shape, and for how long. Pure.

Nothing is sent here. What should be done is a list of (session id, action), taken with `take_actions()`: a text frame
is plain bytes, everything else one of the small classes below. `websocket_server.py` does it; a simulation may as well.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from listenkey.sandbox.websocket import requests
from listenkey.venue import LISTEN_KEY_EXPIRED, SOCKET_LIFE_S, STREAMS_PER_SOCKET

if TYPE_CHECKING:
    from listenkey.sandbox.faults.malformed_frames import Malformed
    from listenkey.sandbox.faults.registry import Faults
    from listenkey.sandbox.listen_keys import EndedListenKey, ListenKeyRegistry
    from listenkey.sandbox.rate_limits import Limits
    from listenkey.sandbox.switches import Switches
    from listenkey.sandbox.websocket.addresses import Address, NamedStream, Room


@dataclass(frozen=True, slots=True)
class Ping:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Abort:
    """Ends the TCP connection without a word."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Freeze the socket: it neither reads nor writes from now on, and the connection stays."""


@dataclass(frozen=True, slots=True)
class Thaw:
    """Reads and writes again."""


Action: TypeAlias = bytes | Ping | Pong | Close | Abort | Freeze | Thaw

MARKET_ROOMS: Final = ("public", "market")
MarketStream: TypeAlias = tuple[str, str]
"""Room and name."""

POLICY_VIOLATION: Final = 1008
GOING_AWAY: Final = 1001


@dataclass(slots=True)
class StreamSubscription:
    """One stream of one socket. `dead`: acknowledged, and nothing ever comes. `account`: whose listen key it was."""

    events: frozenset[str] | None
    dead: bool
    account: str | None = None


@dataclass(slots=True, eq=False)
class Session:
    """One socket."""

    id: int
    ip: str
    room: Room
    combined: bool
    opened_ms: int
    next_ping_ms: int
    pong_due_ms: int | None = None
    pongs_owed: int = 0
    streams: dict[str, StreamSubscription] = field(default_factory=dict)
    accounts: set[str] = field(default_factory=set)
    messages: deque[int] = field(default_factory=deque)
    frozen: bool = False
    closing: bool = False

    def __repr__(self) -> str:
        return f"Session({self.id}, {self.room}, {len(self.streams)} streams)"


class Hub:
    """All sockets."""

    def __init__(self, switches: Switches, keys: ListenKeyRegistry, limits: Limits, faults: Faults) -> None:
        self._switches = switches
        self._keys = keys
        self._limits = limits
        self._faults = faults
        self._sessions: dict[int, Session] = {}
        self._listeners: dict[str, dict[int, Session]] = {}
        self._market_listeners: dict[MarketStream, dict[int, Session]] = {}
        self._actions: list[tuple[int, Action]] = []
        self._timers: list[tuple[int, int]] = []
        self._next_id = 1
        self.frames_sent = 0
        self.messages_received = 0

    # --- Sockets come and go ---

    def open(self, address: Address, ip: str, now_ms: int) -> int:
        """A socket was opened at an address that `admits`. Its id."""
        combined = address.combined or (self._switches.envelope_on_ws and bool(address.attachments))
        ping_ms = now_ms + self._switches.ping_every_s * 1000
        session = Session(self._next_id, ip, address.room, combined, now_ms, ping_ms)
        self._next_id += 1
        self._sessions[session.id] = session
        for attachment in address.attachments[:STREAMS_PER_SOCKET]:
            if self._switches.bad_key == "close" and self._is_bad_key(session, attachment.stream):
                self._close(session, Close(POLICY_VIOLATION, "invalid listen key"))
                return session.id
            self._attach(session, attachment, now_ms)
        heapq.heappush(self._timers, (self._due_of(session), session.id))
        return session.id

    def admits(self, address: Address) -> bool:
        """Return True where the handshake is answered at all, by the switch for bad keys."""
        if self._switches.bad_key != "refuse" or address.room not in ("private", "legacy"):
            return True
        return all(self._keys.account_of(attachment.stream) for attachment in address.attachments)

    def session(self, session_id: int) -> Session | None:
        """Return a socket; None where it is gone."""
        return self._sessions.get(session_id)

    def cut(self, session_id: int, how: Close | Abort) -> None:
        """End a socket from the venue's side, unless it is frozen or ending already."""
        session = self._sessions.get(session_id)
        if session is not None and not session.closing and not session.frozen:
            self._close(session, how)

    def closed(self, session_id: int) -> None:
        """The socket is gone."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return
        for stream in session.streams:
            self._forget_listener(stream, session)

    # --- What clients send ---

    def receive_text(self, session_id: int, text: str, now_ms: int) -> None:
        """A text frame: one of the five requests, or something to refuse."""
        session = self._counted(session_id, now_ms)
        if session is None:
            return
        try:
            message = requests.parse(text)
            result = self._obey(session, message, now_ms)
        except requests.RequestRefused as refused:
            self._send(session, msgspec.json.encode(refused.answer()))
            return
        if not session.closing:
            self._send(session, msgspec.json.encode({"result": result, "id": message.id}))

    def receive_ping(self, session_id: int, payload: bytes, now_ms: int) -> None:
        """Answers with the ping's payload."""
        session = self._counted(session_id, now_ms)
        if session is not None:
            self._actions.append((session.id, Pong(payload)))

    def receive_pong(self, session_id: int, now_ms: int) -> None:
        """
        The client lives. Unsolicited ones count too. [O websocket-market-streams]

        One that was asked for is not held against the client: when the clock is moved, the pings of hours are answered
        in one second.
        """
        session = self._sessions.get(session_id)
        if session is not None and session.pongs_owed and not session.frozen:
            session.pongs_owed -= 1
            self.messages_received += 1
        else:
            session = self._counted(session_id, now_ms)
        if session is not None:
            session.pong_due_ms = None

    # --- What goes out ---

    def deliver(self, key: str, name: str, payload: bytes) -> None:
        """One event to every socket that listens to the key."""
        listeners = self._listeners.get(key)
        if not listeners:
            return
        enveloped: bytes | None = None
        legacy = self._switches.generation == "legacy"
        actions = self._actions
        for session in listeners.values():
            subscription = session.streams[key]
            if subscription.dead or session.frozen or session.closing:
                continue
            if subscription.events is not None and name not in subscription.events:
                continue
            if session.room == "legacy" and not legacy:
                # Since 2026-04-23 an address without a room gets no private data; measured on USD-M.
                continue
            if session.combined:
                if enveloped is None:
                    enveloped = _envelope(key if self._switches.envelope_stream == "key" else name, payload)
                actions.append((session.id, enveloped))
            else:
                actions.append((session.id, payload))
            self.frames_sent += 1

    def market_streams(self) -> dict[MarketStream, dict[int, Session]]:
        """The market streams that somebody listens to, by room and name, in the order in which they were asked for."""
        return self._market_listeners

    def deliver_market(self, stream: MarketStream, payload: bytes) -> None:
        """One event of a market stream to every socket that listens to it."""
        enveloped = _envelope(stream[1], payload)
        for session in self._market_listeners.get(stream, {}).values():
            self._send(session, enveloped if session.combined else payload)

    def deliver_malformed(self, key: str, bad: Malformed) -> None:
        """One bad frame to every socket that listens to the key."""
        for session in self._listeners.get(key, {}).values():
            wrap = bad.is_payload and session.combined
            self._send(session, _envelope(key, bad.data) if wrap else bad.data)

    def key_ended(self, ended: EndedListenKey) -> None:
        """Leave the sockets of an ended key open and silent, or close them, by the switch; its event was delivered."""
        if self._switches.after_key_end == "close" and ended.why != "expired_silently":
            for session in list(self._listeners.get(ended.key, {}).values()):
                self._close(session, Close(GOING_AWAY, "listen key ended"))

    def expired_payload(self, ended: EndedListenKey) -> dict[str, Any]:
        """`listenKeyExpired`; its `E` is a string. [O Event-User-Data-Stream-Expired]"""
        at: int | str = str(ended.at_ms) if self._switches.expired_event_time == "string" else ended.at_ms
        return {"e": LISTEN_KEY_EXPIRED, "E": at, "listenKey": ended.key}

    # --- Faults ---

    def drop(self, account: str | None, room: str | None, close_code: int | None) -> None:
        """Ends sockets: of an account or all, with a close code or without a word."""
        for session in self._chosen(account, room):
            self._close(session, Abort() if close_code is None else Close(close_code, "sandbox"))

    def freeze(self, account: str | None) -> list[int]:
        """Sockets that are open now go deaf and dumb. Their ids."""
        frozen = [session for session in self._chosen(account, None) if not session.frozen]
        for session in frozen:
            session.frozen = True
            self._actions.append((session.id, Freeze()))
        return [session.id for session in frozen]

    def thaw(self, session_ids: list[int]) -> None:
        """The end of `freeze`."""
        for session in [self._sessions[each] for each in session_ids if each in self._sessions]:
            session.frozen = False
            session.pong_due_ms = None
            self._actions.append((session.id, Thaw()))

    def announce_shutdown(self, account: str | None, now_ms: int) -> None:
        """`serverShutdown`, a spot event; no options source mentions it, clients of the family read it."""
        payload = msgspec.json.encode({"e": "serverShutdown", "E": now_ms})
        for session in self._chosen(account, None):
            stream = next(iter(session.streams), "")
            self._send(session, _envelope(stream, payload) if session.combined else payload)

    # --- Time ---

    def advance(self, now_ms: int) -> None:
        """Pings that are due, pongs that did not come, connections that are 24 hours old."""
        while self._timers and self._timers[0][0] <= now_ms:
            _, session_id = heapq.heappop(self._timers)
            session = self._sessions.get(session_id)
            if session is None or session.closing:
                continue
            self._tick(session, now_ms)
            if not session.closing:
                heapq.heappush(self._timers, (max(self._due_of(session), now_ms + 1), session.id))

    def forgive(self, jump_ms: int) -> None:
        """The clock was moved by hand: nobody had that time to answer a ping."""
        for session in self._sessions.values():
            if session.pong_due_ms is not None:
                session.pong_due_ms += jump_ms

    def retime(self, now_ms: int) -> None:
        """The switches changed: pings go by the new schedule."""
        self._timers = []
        for session in self._sessions.values():
            session.next_ping_ms = min(session.next_ping_ms, now_ms + self._switches.ping_every_s * 1000)
            heapq.heappush(self._timers, (self._due_of(session), session.id))

    def due_ms(self) -> int | None:
        """Return when `advance` has something to do; None for never."""
        return self._timers[0][0] if self._timers else None

    def take_actions(self) -> list[tuple[int, Action]]:
        """Drains what is to be done, in order."""
        actions, self._actions = self._actions, []
        return actions

    def sockets(self) -> list[dict[str, Any]]:
        """The open sockets, for the meters; no stream names, they are secrets."""
        return [
            {
                "id": session.id,
                "room": session.room,
                "combined": session.combined,
                "opened_ms": session.opened_ms,
                "accounts": sorted(session.accounts),
                "streams": len(session.streams),
                "frozen": session.frozen,
            }
            for session in self._sessions.values()
            if not session.closing
        ]

    # --- Inside ---

    def _obey(self, session: Session, message: requests.SocketRequest, now_ms: int) -> Any:
        if message.method == "SUBSCRIBE":
            self._subscribe(session, message, now_ms)
        elif message.method == "UNSUBSCRIBE":
            for stream in message.params:
                if session.streams.pop(stream, None) is not None:
                    self._forget_listener(stream, session)
            session.accounts = {each.account for each in session.streams.values() if each.account is not None}
        elif message.method == "LIST_SUBSCRIPTIONS":
            hide = not self._switches.list_shows_keys
            return [name for name in session.streams if not (hide and "@" not in name)]
        elif message.method == "SET_PROPERTY":
            session.combined = message.params[1]
        else:
            return session.combined
        return None

    def _subscribe(self, session: Session, message: requests.SocketRequest, now_ms: int) -> None:
        new = [stream for stream in message.params if stream not in session.streams]
        if len(session.streams) + len(new) > STREAMS_PER_SOCKET:
            raise requests.RequestRefused(2, "Invalid request: too many streams", message.id)
        if self._switches.bad_key != "silent" and any(self._is_bad_key(session, stream) for stream in new):
            if self._switches.bad_key == "refuse":
                raise requests.RequestRefused(2, "Invalid request: invalid stream", message.id)
            self._close(session, Close(POLICY_VIOLATION, "invalid listen key"))
            return
        if self._switches.keys_per_socket in ("refused", "closed") and self._keys_with(session, new) > 1:
            if self._switches.keys_per_socket == "refused":
                raise requests.RequestRefused(2, "Invalid request: one listen key a connection", message.id)
            self._close(session, Close(POLICY_VIOLATION, "one listen key a connection"))
            return
        served = "subscribe" in self._switches.address_forms
        for stream in new:
            if self._is_refused(stream, now_ms):
                self._close(session, Abort())
                return
            self._listen(session, stream, None, now_ms, dead=not served)

    def _is_refused(self, stream: str, now_ms: int) -> bool:
        """Return True where connections of a key's account are refused; its socket's address may have named nobody."""
        account = self._keys.account_of(stream)
        facts = {"scope": "ws"}
        return account is not None and bool(
            self._faults.strike_where("refuse_connections", now_ms, account, facts, lambda fault: bool(fault.account))
        )

    def _attach(self, session: Session, attachment: NamedStream, now_ms: int) -> None:
        served = attachment.form in self._switches.address_forms
        self._listen(session, attachment.stream, attachment.events, now_ms, dead=not served)

    def _listen(self, session: Session, stream: str, events: frozenset[str] | None, now_ms: int, *, dead: bool) -> None:
        account = self._keys.account_of(stream)
        if account is not None:
            session.accounts.add(account)
            dead = dead or self._faults.strike("ack_dead", now_ms, account) is not None
        if account is not None and not dead:
            dead = self._crowded(session)
        if session.room in MARKET_ROOMS:
            # A listen key means nothing here; it is acknowledged like any other name.
            session.streams[stream] = StreamSubscription(None, dead=False, account=account)
            self._market_listeners.setdefault((session.room, stream), {})[session.id] = session
            return
        session.streams[stream] = StreamSubscription(events, dead, account)
        self._listeners.setdefault(stream, {})[session.id] = session

    def _keys_with(self, session: Session, new: list[str]) -> int:
        """Return how many valid listen keys would be on a socket with these."""
        return sum(self._keys.account_of(stream) is not None for stream in [*session.streams, *new])

    def _crowded(self, session: Session) -> bool:
        """
        Return True where one more valid key on a socket stays silent, by the switch `keys_per_socket`.

        Where only the last one delivers, those before it are silenced.
        """
        others = [
            subscription
            for stream, subscription in session.streams.items()
            if not subscription.dead and self._keys.account_of(stream) is not None
        ]
        if self._switches.keys_per_socket == "last":
            for subscription in others:
                subscription.dead = True
        return bool(others) and self._switches.keys_per_socket == "first"

    def _is_bad_key(self, session: Session, stream: str) -> bool:
        is_private = session.room in ("private", "legacy") and "@" not in stream
        return is_private and self._keys.account_of(stream) is None

    def _counted(self, session_id: int, now_ms: int) -> Session | None:
        """Counts what a client sends: more than 10 in a second ends the connection. [O websocket-market-streams]"""
        session = self._sessions.get(session_id)
        if session is None or session.closing or session.frozen:
            return None
        self.messages_received += 1
        while session.messages and session.messages[0] <= now_ms - 1000:
            session.messages.popleft()
        session.messages.append(now_ms)
        if len(session.messages) > self._switches.messages_per_s:
            self._limits.flooded(session.ip, now_ms)
            self._close(session, Close(POLICY_VIOLATION, "Too many requests"))
            return None
        return session

    def _tick(self, session: Session, now_ms: int) -> None:
        if now_ms >= session.opened_ms + SOCKET_LIFE_S * 1000:
            self._close(session, Close(GOING_AWAY, "24 hours"))
            return
        if session.pong_due_ms is not None and now_ms >= session.pong_due_ms and not session.frozen:
            self._close(session, Abort())
            return
        if now_ms >= session.next_ping_ms:
            session.next_ping_ms = now_ms + self._switches.ping_every_s * 1000
            if not session.frozen:
                self._actions.append((session.id, Ping(str(now_ms).encode())))
                session.pongs_owed += 1
                if session.pong_due_ms is None:
                    session.pong_due_ms = now_ms + self._switches.pong_within_s * 1000

    def _due_of(self, session: Session) -> int:
        due_ms = min(session.opened_ms + SOCKET_LIFE_S * 1000, session.next_ping_ms)
        # A frozen one is not closed for its silence, so that must not be due, either: it would be, every millisecond.
        return due_ms if session.pong_due_ms is None or session.frozen else min(due_ms, session.pong_due_ms)

    def _chosen(self, account: str | None, room: str | None) -> list[Session]:
        return [
            session
            for session in self._sessions.values()
            if not session.closing
            and (account is None or account in session.accounts)
            and (room is None or room == session.room)
        ]

    def _send(self, session: Session, frame: bytes) -> None:
        if not session.frozen and not session.closing:
            self._actions.append((session.id, frame))
            self.frames_sent += 1

    def _close(self, session: Session, how: Close | Abort) -> None:
        session.closing = True
        self._actions.append((session.id, how))

    def _forget_listener(self, stream: str, session: Session) -> None:
        listeners = self._listeners.get(stream)
        if listeners is not None:
            listeners.pop(session.id, None)
            if not listeners:
                del self._listeners[stream]
        name = (session.room, stream)
        if name in self._market_listeners:
            self._market_listeners[name].pop(session.id, None)
            if not self._market_listeners[name]:
                del self._market_listeners[name]


def _envelope(stream: str, payload: bytes) -> bytes:
    return b'{"stream":' + msgspec.json.encode(stream) + b',"data":' + payload + b"}"
