"""One client process: a loop, two clocks, and the streams that ship, on a network and a disk that lie."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeAlias, Unpack

from listenkey.core.states import State
from listenkey.errors import JournalError, ListenKeyError, Refused, Retired, UsageError
from listenkey.gateway.shared_sockets.socket_pool import SocketPool
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.journal.sqlite.marks import NOTE_EVERY_S
from listenkey.journal.sqlite.writer import Writer
from listenkey.rest import rate_limiter
from listenkey.rest.rate_limiter import RateLimiter
from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from listenkey.sandbox.rest_api.api_keys import SandboxAccount
from listenkey.stream.delivery import StreamDelivery
from listenkey.stream.driver import Driver
from listenkey.stream.options import StreamOptions
from listenkey.stream.user_stream import UserStream
from listenkey.transport.base import Connect
from listenkey.transport.runtime import Runtime
from listenkey.transport.threads import Threads
from listenkey.venue import Venue
from sim import judge
from sim.client.connector import connector
from sim.client.program import Consumer, Program
from sim.client.records import Stream
from sim.environment.activity import Client
from sim.environment.disk import Disk, Files, SimStore, write_files
from sim.environment.environment import Environment
from sim.environment.http import SimHttp
from sim.environment.network import Network
from sim.kernel.clocks import SimClock
from sim.kernel.loop import VirtualLoop
from sim.kernel.scheduler import NEVER_US
from sim.kernel.threads import AtOnce, Machine, SimThread, SimThreads

SECOND_US: Final = 1_000_000
FIRST_PORT: Final = 10_001
CONSUMER: Final = "book"
TRY_AGAIN_US: Final = 30 * SECOND_US
"""A program that can't open its journal, or finds its address retired, ends; whoever runs it starts it again."""

END_WITHIN_US: Final = 2 * SECOND_US
"""A program that is asked to end has ended by then."""

Tamper: TypeAlias = Callable[[ApiRequest, ApiResponse], ApiResponse]


class SimulatedStream(UserStream):
    """A stream with another clock and other random numbers."""

    def __init__(self, runtime: Runtime, **options: Unpack[StreamOptions]) -> None:
        self._runtime = runtime
        super().__init__(**options)

    @property
    def driver(self) -> Driver:
        """The parts that the stream is made of. Private to users, who need none of them; faults and statuses do."""
        return self._driver


class ProcessRun:
    """One run of a process, from its start to its end."""

    def __init__(self, process: Process, number: int) -> None:
        self.process = process
        self.env = env = process.env
        self.number = number
        self.folder = process.folder / str(number)
        self.loop: VirtualLoop = VirtualLoop()  # type: ignore[abstract]  # asyncio asks for no more than it has
        self.machine = Machine(env.scheduler)
        self.streams: list[SimulatedStream] = []
        self.told: list[Stream] = []
        self.statuses: list[str] = []
        self.due_us = 0
        self.closed: set[int] = set()  # streams of co-tenants that have gone, or whose user was cancelled
        self.users: dict[int, asyncio.Task[None]] = {}  # who reads each stream
        self.in_commit: dict[int, Callable[[], None]] = {}  # what happens once when a stream is committed next
        self.arrivals: dict[int, list[tuple[int, judge.Fill]]] = {}
        every = env.options.commit_every if env.options.journal else 0
        self._program = Program(env, process.number, process.consumer, every, self._committing)
        rest_url = process.venue.rest_url
        http = SimHttp(process.network, self.loop, rest_url)
        self.pool: SocketPool | None = None
        self._pool_is_open = False
        if env.options.keys_per_socket > 1:
            self.pool = SocketPool(
                process.venue, process.clock, env.options.timing(), process.connect, env.options.keys_per_socket
            )
        rate_limiter.lend(RateLimiter(process.clock, process.venue, http, Threads(AtOnce)), self.loop)

    def start(self) -> None:
        """Run the program: open each stream, read it, commit now and then."""
        for tenant in self.process.co_tenants:
            tenant.is_back()
        for number in range(len(self.told)):
            self.streams.append(self.make_stream(number))
            self.statuses.append("")
            self.loop.call(lambda number=number: self.begin(number))  # type: ignore[misc]

    @property
    def commits(self) -> bool:
        """True where its programs ever commit."""
        return bool(self.process.env.options.commit_every) and self.path(0) is not None

    def begin(self, number: int) -> None:
        """Let a program use one of its streams; from within the loop."""
        if self.pool is not None and not self._pool_is_open:
            self._pool_is_open = True
            self.pool.open()
        user = self.users[number] = self.loop.create_task(self.use(self.streams[number], self.told[number]))
        user.add_done_callback(self.program_ended)

    def make_stream(self, number: int) -> SimulatedStream:
        """Make a stream as a program does, but for what `Runtime` has."""
        process = self.process
        options = process.env.options
        path = self.path(number)
        identity = process.identity_of(number)
        seed = f"{options.seed}:client:{process.number}:{number}:{self.number}"
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        threads = SimThreads(self.machine)
        made = SimulatedStream(
            Runtime(
                process.clock,
                random.Random(seed),
                process.connect,
                threads.as_given(),
                self._make_store,
                process.env.rest_limits,
                self.pool,
            ),
            api_key=identity.api_key,
            api_secret=process.secret_of(identity) if options.recovers else None,
            venue=process.venue,
            journal=path,
            consumer=None if path is None else CONSUMER,
            account=identity.name,
            timing=options.timing(),
        )
        if path is not None:
            journal = made.driver.journal
            assert isinstance(journal, SqliteJournal)
            self._shorten(journal.writer, threads.made)
        return made

    def _make_store(self, path: Path, account: str, account_is_named: bool) -> SimStore:
        process = self.process
        store = SimStore(path, account, account_is_named=account_is_named)
        store.attach(process.disk, self.machine, process.die)
        return store

    def _shorten(self, writer: Writer, thread: SimThread) -> None:
        """Let the journal's thread have its turn without a change of threads, where nothing can hold it up."""
        disk, machine = self.process.disk, self.machine

        def rests() -> bool:
            # Not where it waits before it tries again: what it could not write has left the queue, and is its own.
            return thread.waits_for is writer.wake

        def idle() -> bool:
            return thread.waits_for is writer.wake and writer.marks.are_written

        def shortcut() -> bool:
            if not rests() or not disk.is_calm or writer.is_stopping:
                return False
            writer.turn()
            thread.due_us = machine.scheduler.now_us + int(NOTE_EVERY_S * SECOND_US)
            return True

        thread.idle, thread.shortcut = idle, shortcut

    def path(self, number: int) -> Path | None:
        """Return the path of a stream's journal, if it has one in a file."""
        return self.folder / f"{number}.db" if self.process.env.options.journal else None

    def stores(self) -> list[SimStore]:
        """The journals' files."""
        journals = [stream.driver.journal for stream in self.streams]
        stores = [journal.store for journal in journals if isinstance(journal, SqliteJournal)]
        return [store for store in stores if isinstance(store, SimStore)]

    async def use(self, stream: UserStream, told: Stream) -> None:
        """Use a stream as a careful program does, until it ends or its program does."""
        process = self.process
        ended: ListenKeyError | None = None
        try:
            async with stream:
                await self._program.read(stream, told)
        except (JournalError, Retired, Refused, UsageError) as error:
            # `Retired` only at the very beginning: it is how a program ends that has a wrong address.
            if process.is_started_again_after(error):
                told.exits.append((self.env.now_us, str(error)))
                if not process.ends:
                    self.env.at(self.env.now_us + TRY_AGAIN_US, lambda: process.start_again(self))
                return
            ended = error
        except ListenKeyError as error:
            ended = error
        if not process.ends and told.number not in self.closed and told.died_us is None:
            told.ended_us, told.error = self.env.now_us, ended

    def _committing(self, stream: UserStream) -> None:
        """Do what is to happen once when this stream is committed next."""
        if self.in_commit:
            number = next(number for number, each in enumerate(self.streams) if each is stream)
            self.in_commit.pop(number, lambda: None)()

    def note_arrival(self, delivery: StreamDelivery, frame: bytes) -> None:
        """While nothing can be shown: which fills a socket of a stream has brought."""
        if b'"TRADE"' in frame or b'"fi"' in frame:
            tree = json.loads(frame)
            order = tree.get("data", tree).get("o")
            if isinstance(order, list):  # before 2026, as it comes on the wire
                fills = [
                    (each["s"], int(fill["t"]), int(each["oid"])) for each in order for fill in each.get("fi") or ()
                ]
            else:
                fills = judge.fills_in({"kind": "update", "provenance": "ws", "raw": frame})
            number = next(at for at, stream in enumerate(self.streams) if stream.driver.delivery is delivery)
            came = self.arrivals.setdefault(number, [])
            came += [(self.process.env.now_us, fill) for fill in fills]

    def program_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.loop.failure = self.loop.failure or error

    def find_due(self) -> None:
        """Find out anew when its loop or one of its threads has something to do; needed where the loop has run."""
        self.due_us = min(self.loop.due_us(), self.machine.due_us())

    def note_statuses(self) -> None:
        """Note the present status of each stream."""
        statuses = self.statuses
        for number, stream in enumerate(self.streams):
            status = stream.driver.monitor.status
            if status != statuses[number] and (told := self.told[number]).number not in self.closed:
                statuses[number] = status
                told.statuses.append((self.process.env.now_us, status))

    def bury(self) -> None:
        """Let go of what a dead process left in memory; nobody looks any more."""
        self.loop.bury()


class Tenant(Protocol):
    """
    A further account of a process: see `co_tenants`.

    Attributes:
        identity: Its API key, and what signs with it.
        away_us: Since when its stream is closed; None while it is there.
    """

    identity: SandboxAccount
    away_us: int | None

    def is_back(self) -> None:
        """Note that it was away until now."""

    def go(self) -> None:
        """Close its stream in order."""

    def come(self, identity: SandboxAccount) -> None:
        """Open a stream of it, with this API key."""


class Process:
    """
    One process with one or more streams of one account, and co-tenants of others; and its machine.

    Attributes:
        frozen_until_us: It does not run before; 0 when it runs.
        down: Reasons why it does not run at all.
        leaving: It was asked to end, and does.
        consumer: What the consumers of its streams do.
        unprinted: Reasons why what they read can't be shown.
        revoked: Reasons why the venue refuses its API key.
        co_tenants: Further accounts, each with a stream behind those of its own account.
        tampers: What is done to the venue's answers on their way to it.
        spoilt: Reasons why its journal may be refused, until somebody mends it.
        anew: How often somebody moved a journal of it away, so that it began a new one.
    """

    def __init__(self, env: Environment, number: int, identity: SandboxAccount, streams: int) -> None:
        self.env = env
        self.number = number
        self.account = identity.name
        self.ip = f"10.0.0.{number + 1}"
        self.api_key = identity.api_key
        self.co_tenants: list[Tenant] = []
        self._identity = identity
        self._streams = streams
        self.folder = env.folder / str(number)
        self.evidence = Client(wall_offsets=[(0, 0)])
        self.clock = SimClock(env.scheduler, env.options.start_ms)
        options = env.options
        self.network: Network = Network(env, self, random.Random(f"{options.seed}:network:{number}"))
        self.connect: Connect = connector(self.network)
        self.disk = Disk(random.Random(f"{options.seed}:disk:{number}"))
        self.consumer: Consumer = Consumer()
        self.frozen_until_us = 0
        self.asleep = False
        self.refused_handshakes = 0
        self.stopping = False
        self.leaving = False
        self.unprinted = 0
        self.revoked = 0
        self.was_revoked = False
        self.wrong_secret = False
        self.tampers: list[Tamper] = []
        self.spoilt = 0
        self.anew = 0
        self.down = 0
        self._down_since_us = 0
        self._remembers = False
        self._second = 0
        self._handles_before = 0
        base = f"127.0.0.1:{FIRST_PORT + number}"
        self.venue: Venue = Venue(f"http://{base}", f"ws://{base}", attach=options.venue_attach())
        self.told = [Stream(env.next_stream(), number, identity.name) for _ in range(streams)]
        self.current_run = ProcessRun(self, 0)
        """The present one, or the last."""

        self.runs = [self.current_run]
        self.current_run.told = list(self.told)

    def identity_of(self, number: int) -> SandboxAccount:
        """Return the account of a stream, with the API key it uses."""
        return self._identity if number < self._streams else self.co_tenants[number - self._streams].identity

    def take_identity(self, identity: SandboxAccount) -> None:
        """Give it another API key of the same account; the old one is refused."""
        self._identity, self.api_key = identity, identity.api_key

    def secret_of(self, identity: SandboxAccount) -> str:
        """Return the secret that signs; or one that does not."""
        return "x" * 64 if self.wrong_secret else identity.api_secret

    @property
    def own_streams(self) -> int:
        """The number of streams of its own account; those of co-tenants are behind them."""
        return self._streams

    @property
    def told_now(self) -> list[Stream]:
        """The evidence of the present life's streams, by their number in the process."""
        return self.current_run.told

    def goes_on_as(self, number: int, stream: Stream) -> None:
        """Let one of its streams be another from now on; to be called while it is down."""
        self.current_run.told = [
            stream if place == number else told for place, told in enumerate(self.current_run.told)
        ]
        self.told.append(stream)

    @property
    def loop(self) -> VirtualLoop:
        """The event loop of the present life."""
        return self.current_run.loop

    def note_arrival(self, delivery: StreamDelivery, frame: bytes) -> None:
        """While nothing can be shown: which fills a socket of a stream has brought."""
        self.current_run.note_arrival(delivery, frame)

    # --- Running -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the program."""
        self.current_run.start()
        self._after_running()

    def due_us(self) -> int:
        """Return when it has something to do, and can."""
        if self.down:
            return NEVER_US
        run = self.current_run
        if run.loop.has_changed:
            run.find_due()
        due_us = run.due_us
        return due_us if due_us > self.frozen_until_us else self.frozen_until_us  # noqa: FURB136 - asked all the time

    def run(self) -> None:
        """Do what is due."""
        now_us = self.env.now_us
        self.thaw_if_due(now_us)
        run = self.current_run
        run.loop.run(now_us)
        if not self.down:
            run.machine.run()
        self._after_running()
        handles = self.loop.handles
        if now_us - self._second >= SECOND_US:
            self._second, self._handles_before = now_us, handles
        self.evidence.handles_in_a_second_most = max(
            self.evidence.handles_in_a_second_most, handles - self._handles_before
        )

    def _after_running(self) -> None:
        if not self.down:
            self.current_run.note_statuses()
        if self.loop.failure is not None:
            raise self.loop.failure

    def freeze(self, for_us: int, *, asleep: bool) -> None:
        """Stop running; asleep, asyncio's clock stops, too."""
        if self.frozen_until_us or self.down:
            return
        now_us = self.env.now_us
        self.frozen_until_us = now_us + for_us
        self.asleep = asleep
        self.evidence.stalls_us.append((now_us, now_us + for_us))
        if asleep:
            self.loop.sleep(for_us)

    def thaw_if_due(self, now_us: int) -> None:
        """Run again."""
        if self.frozen_until_us and now_us >= self.frozen_until_us:
            self.frozen_until_us = 0
            self.asleep = False

    def step_clock(self, ms: int) -> None:
        """Set the wall clock."""
        self.clock.offset_ms += ms
        self.evidence.wall_offsets.append((self.env.now_us, self.clock.offset_ms))

    def is_live(self) -> bool:
        """True where all of its streams are live, with nothing under way."""
        # A stream that waits for REST needs every look at REST history: it is what brings the rest.
        if self.down or {"DEGRADED", "SUSPECT"} & set(self.current_run.statuses):
            return False
        return all(each.driver.life.state is State.LIVE for each in self.current_run.streams)

    @property
    def ends(self) -> bool:
        """True where it was asked to end."""
        return self.stopping or self.leaving

    def answered(self, request: ApiRequest) -> ApiResponse:
        """Return the venue's answer to a request of this process, as it arrives."""
        if self.revoked:
            return ApiResponse(401, b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}')
        answer = self.env.exchange.handle(request, self.env.now_ms)
        for tamper in list(self.tampers):
            answer = tamper(request, answer)
        return answer

    def stop(self) -> None:
        """Close the streams, as a program does that ends in order."""
        self.stopping = True
        if not self.down:
            self._close_streams()

    def leave(self) -> None:
        """SIGTERM: the program ends in order, and is gone two seconds later. Whoever runs it starts it again (`rise`)."""
        if self.down or self.ends or self.frozen_until_us:
            return
        self.leaving = True
        run, closing = self.current_run, self._close_streams()

        def gone() -> None:
            if self.current_run is not run or self.down or self.stopping:
                return
            late = [told for told, task in zip(run.told, closing, strict=True) if not task.done()]
            if not self.frozen_until_us:
                for told in late:
                    told.contradictions.append((self.env.now_us, "it was asked to end, and did not within 2 s"))
            self.die("kill")

        self.env.at(self.env.now_us + END_WITHIN_US, gone)

    def _close_streams(self) -> list[asyncio.Task[None]]:
        closing: list[asyncio.Task[None]] = []
        streams = self.current_run.streams
        self.loop.call(lambda: closing.extend(self.loop.create_task(each.aclose()) for each in streams))
        return closing

    def inside(self, do: Callable[[SimulatedStream], None]) -> None:
        """Do something to each of its streams, from within, if it runs."""
        if self.down or self.ends or self.frozen_until_us:
            return
        for stream in self.current_run.streams:
            self.loop.call(lambda stream=stream: do(stream))  # type: ignore[misc]

    # --- Ending without a word -------------------------------------------------------------------------------------

    def die(self, how: str, left: dict[str, Files] | None = None) -> None:
        """
        The process is no more: killed, or its machine without power. Nothing in it runs again.

        Args:
            how: "kill" or "power".
            left: What a journal's files hold, by name, where the end came in the middle of a write.
        """
        if self._down_since_us or self.stopping:
            return
        self._down_since_us = self.env.now_us
        self._remembers = self.env.options.journal and how != "power"
        self.leaving = False
        self.down += 1
        self.env.note(f"{self.number} dies: {how}")
        self.frozen_until_us, self.asleep = 0, False
        if how == "kill":
            self.network.hang_up_all()
        else:
            self.network.vanish_all()
        run, left = self.current_run, left or {}
        following = ProcessRun(self, run.number + 1)
        for store in run.stores():
            write_files(following.folder / store.path.name, left.get(store.path.name) or store.left_by(how))
            store.drop()
        run.machine.kill()
        for told, status in zip(run.told, run.statuses, strict=True):
            if status:
                told.statuses.append((self.env.now_us, "DOWN"))
        following.told = self._go_on(run.told)
        self.current_run = following
        self.runs.append(following)

    def forgets(self) -> None:
        """Drop what the last process wrote down of its items and its weight: the next one does not find it."""
        self._remembers = False

    def _go_on(self, told: list[Stream]) -> list[Stream]:
        """A journal in a file goes on; one in memory is another stream from now on."""
        if self.env.options.journal:
            for one in told:
                one.lives_us.append(self.env.now_us)
            return told
        for one in told:
            one.died_us = self.env.now_us
        new = [Stream(self.env.next_stream(), one.process, one.account) for one in told]
        self.told.extend(new)
        return new

    def rise(self) -> None:
        """Start the process again."""
        if not self._down_since_us:
            return
        self.evidence.stalls_us.append((self._down_since_us, self.env.now_us))
        self.evidence.lives_us.append(self.env.now_us)
        if not self._remembers or len(self.evidence.wall_offsets) > 1:
            self.evidence.starts_us.append(self.env.now_us)
        self._down_since_us = 0
        self.down -= 1
        self.start()

    def is_started_again_after(self, error: ListenKeyError) -> bool:
        """Return True where the cause of the program's end may pass, by itself or because somebody mends it."""
        if isinstance(error, Refused):
            return self.was_revoked
        return bool(self.spoilt) or not isinstance(error, UsageError)

    def start_again(self, run: ProcessRun) -> None:
        """The program had ended with an error of its journal."""
        if run is self.current_run and not self.down and not self.stopping:
            self.die("kill")
            self.rise()
